# SPDX-License-Identifier: MIT
# Puts those Node modules of ${from}/node_modules that are not for tests alone into ${to}, and beside
# the sandbox's programs (${programs}) links to those that are in other packages.
file(READ ${from}/package-lock.json lock)
if(NOT EXISTS ${from}/node_modules/.package-lock.json)
  message(FATAL_ERROR "The sandbox's Node modules are missing: run tests/install first")
endif()

string(JSON count LENGTH "${lock}" packages)
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
  string(JSON path MEMBER "${lock}" packages ${i})
  string(JSON dev ERROR_VARIABLE not_said GET "${lock}" packages "${path}" dev)
  if(path STREQUAL "" OR dev STREQUAL ON)
    continue()
  endif()
  string(JSON wanted GET "${lock}" packages "${path}" version)
  file(READ ${from}/${path}/package.json package)
  string(JSON version GET "${package}" version)
  if(NOT version STREQUAL wanted)
    message(FATAL_ERROR "${path} is version ${version}, not ${wanted}: run tests/install first")
  endif()
  get_filename_component(folder ${to}/tests/sandbox/${path} DIRECTORY)
  # What a program needs of a module, and its licence.
  file(COPY ${from}/${path} DESTINATION ${folder} NO_SOURCE_PERMISSIONS
    PATTERN node_modules EXCLUDE
    PATTERN *.d.ts EXCLUDE PATTERN *.d.mts EXCLUDE PATTERN *.d.cts EXCLUDE PATTERN *.map EXCLUDE
    PATTERN test EXCLUDE PATTERN tests EXCLUDE PATTERN docs EXCLUDE PATTERN bin EXCLUDE
    PATTERN .* EXCLUDE)
endforeach()

# Where its parts look for what else they need.
file(MAKE_DIRECTORY ${to}/ipc)
file(CREATE_LINK ../../web ${to}/ipc/web SYMBOLIC)
foreach(helper card chooser doctor fido portd prompt)
  file(CREATE_LINK ../lanyard-${helper} ${programs}/lanyard-${helper} SYMBOLIC)
endforeach()
foreach(program lanyard lanyardd)
  file(CREATE_LINK ../../../bin/${program} ${programs}/${program} SYMBOLIC)
endforeach()
