# SPDX-License-Identifier: MIT
# CPack runs this between putting the files together and packing them: manual pages and Debian's
# change logs are compressed, as Debian's policy (12.1, 12.7) has it.
file(GLOB pages
  ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/man*/*.[1-8]
  ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/doc/*/changelog.Debian)
foreach(page IN LISTS pages)
  execute_process(COMMAND gzip -9nf ${page} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
