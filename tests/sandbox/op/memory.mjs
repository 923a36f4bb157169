// SPDX-License-Identifier: MIT
//
// Where the provider keeps its sessions, codes and grants: in memory, one store per provider, gone
// when it stops. This is oidc-provider's adapter interface and nothing more.

export function makeMemory() {
  const models = new Map(); // model -> id -> payload

  return class Memory {
    constructor(model) {
      if (!models.has(model)) models.set(model, new Map());
      this.entries = models.get(model);
    }

    async upsert(id, payload, expiresIn) {
      this.entries.set(id, { payload, until: Date.now() + expiresIn * 1000 });
    }

    async find(id) {
      const entry = this.entries.get(id);
      if (entry && Date.now() < entry.until) return entry.payload;
      this.entries.delete(id);
      return undefined;
    }

    async findByUid(uid) {
      const found = [...this.entries].find(([, { payload }]) => payload.uid === uid);
      return found && this.find(found[0]);
    }

    async findByUserCode() {
      return undefined; // CIS2 has no device flow
    }

    async consume(id) {
      this.entries.get(id).payload.consumed = Math.floor(Date.now() / 1000);
    }

    async destroy(id) {
      this.entries.delete(id);
    }

    async revokeByGrantId(grantId) {
      for (const entries of models.values()) {
        for (const [id, { payload }] of entries) {
          if (payload.grantId === grantId) entries.delete(id);
        }
      }
    }
  };
}
