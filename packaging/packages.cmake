# SPDX-License-Identifier: MIT
# The same four packages as .deb, .rpm or both: as what this distribution has the tools for makes. They
# want the libraries of the distribution that they were made on. Programs know their places (/usr, as
# the release preset has it), so a build for another prefix makes none.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL /usr)
  return()
endif()
find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
find_program(RPMBUILD rpmbuild)
if(NOT DPKG_SHLIBDEPS AND NOT RPMBUILD)
  return()
endif()

set(LANYARD_PACKAGE_CONTACT "The Lanyard authors <lanyard@packages.invalid>" CACHE STRING
  "Who makes the packages: name and address")

set(CPACK_GENERATOR)
if(DPKG_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
endif()
if(RPMBUILD)
  list(APPEND CPACK_GENERATOR RPM)
endif()
set(CPACK_PACKAGE_NAME lanyard)
set(CPACK_PACKAGE_VENDOR Lanyard)
set(CPACK_PACKAGE_CONTACT "${LANYARD_PACKAGE_CONTACT}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_OUTPUT_FILE_PREFIX ${CPACK_PACKAGE_DIRECTORY})
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/deb/before-packing.cmake)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL agent library development)
if(TARGET lanyard-virtual-card)
  list(APPEND CPACK_COMPONENTS_ALL sandbox)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_RPM_COMPONENT_INSTALL ON)

set(PACKAGE_VERSION ${PROJECT_VERSION}-${LANYARD_PACKAGE_RELEASE})
set(folder ${CMAKE_CURRENT_BINARY_DIR}/package)

# ---- what each is ----

set(summary_agent "smartcard and security key sign-in agent")
set(text_agent [[
Signs the holder of a smartcard or a FIDO2 security key in to the sites that
ask for it: the PIN is typed once, and every browser and program of the
desktop session is signed in until the card or key leaves.]])
set(summary_library "sign-in through the Lanyard agent, for native programs")
set(text_library [[
With this library a program asks the Lanyard agent of its desktop session who
is signed in, and for a signed proof of it.]])
set(summary_development "sign-in through the Lanyard agent, development files")
set(text_development [[
What is needed to build programs that use liblanyard: the header, the manual
page, and what pkg-config and CMake find it by.]])
set(summary_sandbox "all of a smartcard sign-in on one computer, for developers")
set(text_sandbox [[
A virtual smartcard reader with cards, virtual security keys, a stand-in for
the identity provider and a sample application: what it takes to build and try
an application without a card or an account. The command lanyard-sandbox
starts it.]])

set(deb_agent lanyard)
set(deb_library liblanyard${PROJECT_VERSION_MAJOR})
set(deb_development liblanyard-dev)
set(deb_sandbox lanyard-sandbox)
set(rpm_agent lanyard)
set(rpm_library liblanyard${PROJECT_VERSION_MAJOR})
set(rpm_development liblanyard-devel)
set(rpm_sandbox lanyard-sandbox)

# ---- Debian ----

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${LANYARD_PACKAGE_RELEASE})
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/ipc)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# Looking for programs among two thousand Node modules takes minutes; those of the sandbox need what
# lanyard does, and what is named below.
set(CPACK_DEBIAN_SANDBOX_PACKAGE_SHLIBDEPS OFF)
file(WRITE ${folder}/shlibs
  "liblanyard ${PROJECT_VERSION_MAJOR} ${deb_library} (>= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_SOURCE_DIR}/deb/triggers ${folder}/shlibs)
# What CPack takes for its own, and then does not put before every description.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${CMAKE_PROJECT_NAME} built using CMake")
set(CPACK_DEBIAN_AGENT_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SANDBOX_PACKAGE_SECTION devel)
set(library "${deb_library} (= ${PACKAGE_VERSION})")
set(CPACK_DEBIAN_AGENT_PACKAGE_DEPENDS
  "${library}, init-system-helpers (>= 1.61), pinentry-gnome3 | pinentry-x11 | pinentry")
set(CPACK_DEBIAN_AGENT_PACKAGE_RECOMMENDS
  "pcscd, opensc-pkcs11, libpam-systemd, dbus-user-session")
set(CPACK_DEBIAN_AGENT_PACKAGE_SUGGESTS "apparmor, chromium | firefox-esr")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${library}")
set(CPACK_DEBIAN_SANDBOX_PACKAGE_DEPENDS "lanyard (= ${PACKAGE_VERSION}), ${library}, libc6, libumockdev0,\
 umockdev, openssl, pcscd, opensc-pkcs11, pinentry-gtk2 | pinentry-x11 | pinentry, systemd")
set(CPACK_DEBIAN_SANDBOX_PACKAGE_RECOMMENDS "nodejs (>= 20)")
foreach(component agent library development sandbox)
  string(TOUPPER ${component} COMPONENT)
  set(CPACK_DEBIAN_${COMPONENT}_PACKAGE_NAME ${deb_${component}})
  set(CPACK_COMPONENT_${COMPONENT}_DESCRIPTION "${summary_${component}}\n${text_${component}}")
endforeach()

# Who made what, and what has changed, in the place where Debian looks for it.
file(STRINGS ${PROJECT_SOURCE_DIR}/LICENSE license)
set(LICENSE_BODY "")
foreach(line IN LISTS license)
  if(line STREQUAL "")
    string(APPEND LICENSE_BODY " .\n")
  elseif(NOT line MATCHES "^(MIT License|Copyright)")
    string(APPEND LICENSE_BODY " ${line}\n")
  endif()
endforeach()
string(REGEX REPLACE "^( \\.\n)+" "" LICENSE_BODY "${LICENSE_BODY}")
configure_file(deb/changelog.in ${folder}/changelog.Debian @ONLY)
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  set(OTHER_FILES "")
  if(component STREQUAL sandbox)
    file(READ sandbox/copyright OTHER_FILES)
  endif()
  configure_file(deb/copyright.in ${folder}/${component}/copyright @ONLY)
  install(FILES ${folder}/changelog.Debian ${folder}/${component}/copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${deb_${component}}
    COMPONENT ${component} EXCLUDE_FROM_ALL)
  file(GLOB overrides CONFIGURE_DEPENDS deb/${deb_${component}}.lintian-overrides)
  if(overrides)
    install(FILES ${overrides} DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
      RENAME ${deb_${component}} COMPONENT ${component} EXCLUDE_FROM_ALL)
  endif()
endforeach()

foreach(script preinst postinst prerm postrm)
  configure_file(deb/lanyard.${script}.in ${folder}/${script} @ONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                     WORLD_READ WORLD_EXECUTE)
endforeach()
list(SORT conffiles)
string(REPLACE ";" "\n" conffiles "${conffiles}")
file(WRITE ${folder}/conffiles "${conffiles}\n")
set(CPACK_DEBIAN_AGENT_PACKAGE_CONTROL_EXTRA
  ${folder}/preinst ${folder}/postinst ${folder}/prerm ${folder}/postrm ${folder}/conffiles)

# ---- RPM ----

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELEASE ${LANYARD_PACKAGE_RELEASE})
set(CPACK_RPM_PACKAGE_LICENSE MIT)
set(CPACK_RPM_PACKAGE_RELOCATABLE OFF)
set(CPACK_RPM_MAIN_COMPONENT agent)
set(library "${rpm_library} = ${PACKAGE_VERSION}")
set(CPACK_RPM_AGENT_PACKAGE_REQUIRES "${library}, pinentry, systemd")
set(CPACK_RPM_AGENT_PACKAGE_RECOMMENDS "pcsc-lite, opensc")
set(CPACK_RPM_DEVELOPMENT_PACKAGE_REQUIRES "${library}")
set(CPACK_RPM_SANDBOX_PACKAGE_REQUIRES "lanyard = ${PACKAGE_VERSION}, ${library}, openssl, pcsc-lite,\
 opensc, pinentry, systemd")
set(CPACK_RPM_SANDBOX_PACKAGE_RECOMMENDS "nodejs >= 20")
foreach(component agent library development sandbox)
  string(TOUPPER ${component} COMPONENT)
  set(CPACK_RPM_${COMPONENT}_PACKAGE_NAME ${rpm_${component}})
  set(CPACK_RPM_${COMPONENT}_PACKAGE_SUMMARY "${summary_${component}}")
  set(CPACK_RPM_${COMPONENT}_PACKAGE_DESCRIPTION "${text_${component}}")
  set(CPACK_RPM_${COMPONENT}_PACKAGE_GROUP Unspecified)
endforeach()
foreach(script pre post preun postun)
  configure_file(rpm/lanyard.${script}.in ${folder}/${script} @ONLY)
endforeach()
set(CPACK_RPM_AGENT_PRE_INSTALL_SCRIPT_FILE ${folder}/pre)
set(CPACK_RPM_AGENT_POST_INSTALL_SCRIPT_FILE ${folder}/post)
set(CPACK_RPM_AGENT_PRE_UNINSTALL_SCRIPT_FILE ${folder}/preun)
set(CPACK_RPM_AGENT_POST_UNINSTALL_SCRIPT_FILE ${folder}/postun)
set(CPACK_RPM_LIBRARY_POST_INSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/rpm/ldconfig)
set(CPACK_RPM_LIBRARY_POST_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/rpm/ldconfig)
set(CPACK_RPM_AGENT_USER_FILELIST)
foreach(file IN LISTS conffiles)
  string(REPLACE "\n" ";" files "${file}")
  foreach(one IN LISTS files)
    list(APPEND CPACK_RPM_AGENT_USER_FILELIST "%config(noreplace) ${one}")
  endforeach()
endforeach()
# Folders that every Fedora has (packages filesystem and systemd). The others that our files are in
# (AppArmor's, zsh's, fish's, CMake's) are ours as well: they go with the last package that has them.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
  /etc /etc/xdg /etc/xdg/autostart /usr /usr/bin /usr/include /usr/lib /usr/lib/systemd
  /usr/lib/systemd/system /usr/lib/systemd/user /usr/lib/tmpfiles.d /usr/libexec
  /usr/${CMAKE_INSTALL_LIBDIR} /usr/${CMAKE_INSTALL_LIBDIR}/pkgconfig /usr/share
  /usr/share/applications /usr/share/bash-completion /usr/share/bash-completion/completions
  /usr/share/doc /usr/share/man /usr/share/man/man1 /usr/share/man/man3 /usr/share/man/man5
  /usr/share/man/man7 /usr/share/man/man8)

include(CPack)
