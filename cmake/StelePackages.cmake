# The Debian packages that `./dev package` makes of this build with CPack:
#   stele        units, their configuration, the user `stele`, the runbook, alarms and dashboard; needs stele-tools
#   stele-tools  the program: clients need nothing else
#   libstele-dev the SDK, as SteleInstall.cmake puts it in place
# What belongs below /etc is EXCLUDE_FROM_ALL: an installation below a prefix has none of it.
set(deb ${PROJECT_SOURCE_DIR}/deploy/deb)
set(systemd ${PROJECT_SOURCE_DIR}/deploy/systemd)
set(made ${PROJECT_BINARY_DIR}/packaging)

# stele_unit(<file> <role's command> <default file> CONFIG <file> DESCRIPTION <text> STOP_SECONDS <n> MOUNTS <directory> [AFTER <units>])
function(stele_unit file COMMAND DEFAULTS)
  cmake_parse_arguments(PARSE_ARGV 3 ARG "" "CONFIG;DESCRIPTION;STOP_SECONDS;MOUNTS;AFTER" "")
  set(CONFIG ${ARG_CONFIG})
  set(DESCRIPTION ${ARG_DESCRIPTION})
  set(STOP_SECONDS ${ARG_STOP_SECONDS})
  set(MOUNTS ${ARG_MOUNTS})
  set(AFTER ${ARG_AFTER})
  set(ENVIRONMENT "EnvironmentFile=/etc/default/${DEFAULTS}")
  if(file MATCHES "@")
    string(APPEND ENVIRONMENT "\nEnvironmentFile=-/etc/default/${DEFAULTS}@%i")
  endif()
  file(READ ${systemd}/unit.service.in unit)
  # Only these names: systemd writes sets of system calls with an @, too.
  foreach(name COMMAND CONFIG ENVIRONMENT DESCRIPTION STOP_SECONDS MOUNTS AFTER)
    string(REPLACE "@${name}@" "${${name}}" unit "${unit}")
  endforeach()
  file(CONFIGURE OUTPUT ${made}/${file} CONTENT "${unit}" @ONLY)
  install(FILES ${made}/${file} DESTINATION lib/systemd/system COMPONENT server EXCLUDE_FROM_ALL)
endfunction()

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${systemd}/unit.service.in)
stele_unit(stele-local.service "local" stele-local CONFIG /etc/stele/local.conf DESCRIPTION "a whole cell in one process" STOP_SECONDS 120
  MOUNTS /var/lib/stele/local)
stele_unit(stele-master.service "master" stele-master CONFIG /etc/stele/cell.conf DESCRIPTION "a master of a cell" STOP_SECONDS 30
  MOUNTS /var/lib/stele AFTER " zookeeper.service")
# Longer than --leave-timeout-ms, in which others take its tablets.
stele_unit(stele-tabletserver@.service "tabletserver --id %i" stele-tabletserver CONFIG /etc/stele/cell.conf
  DESCRIPTION "tablet server %i" STOP_SECONDS 150 MOUNTS /var/lib/stele/cell AFTER " zookeeper.service remote-fs.target")

foreach(role local master tabletserver)
  install(FILES ${systemd}/stele-${role}.default DESTINATION /etc/default RENAME stele-${role} COMPONENT server EXCLUDE_FROM_ALL)
endforeach()

install(FILES ${systemd}/local.conf ${systemd}/cell.conf DESTINATION /etc/stele COMPONENT server EXCLUDE_FROM_ALL)

install(FILES ${PROJECT_SOURCE_DIR}/deploy/monitoring/alerts.yml ${PROJECT_SOURCE_DIR}/deploy/monitoring/dashboard.json
  DESTINATION share/stele/monitoring COMPONENT server EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/deploy/README.md DESTINATION share/doc/stele COMPONENT server EXCLUDE_FROM_ALL)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/deploy/compose ${PROJECT_SOURCE_DIR}/deploy/kubernetes
  DESTINATION share/doc/stele COMPONENT server EXCLUDE_FROM_ALL)

# --- the manual and what completes words in shells, which the program itself writes when it has the verbs for it
install(CODE [[
  execute_process(COMMAND $<TARGET_FILE:stele> help OUTPUT_VARIABLE verbs COMMAND_ERROR_IS_FATAL ANY)
  if(verbs MATCHES "\n  man ")
    set(share $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share)
    execute_process(COMMAND $<TARGET_FILE:stele> man --all ${share}/man/man1 OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
    file(GLOB pages ${share}/man/man1/*.1)
    execute_process(COMMAND gzip -9n ${pages} COMMAND_ERROR_IS_FATAL ANY)
    foreach(script bash:bash-completion/completions/stele zsh:zsh/vendor-completions/_stele)
      string(REGEX MATCH "^([a-z]+):(.+)/" _ ${script})
      set(shell ${CMAKE_MATCH_1})
      file(MAKE_DIRECTORY ${share}/${CMAKE_MATCH_2})
      string(REPLACE "${shell}:" "" file ${script})
      execute_process(COMMAND $<TARGET_FILE:stele> completion ${shell} OUTPUT_FILE ${share}/${file} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
  endif()
]] COMPONENT tools EXCLUDE_FROM_ALL)

# --- what Debian wants of each package
execute_process(COMMAND gzip -9nc ${deb}/changelog OUTPUT_FILE ${PROJECT_BINARY_DIR}/changelog.gz COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${deb}/changelog)
foreach(package stele:server stele-tools:tools libstele-dev:dev)
  string(REPLACE ":" ";" package ${package})
  list(GET package 0 name)
  list(GET package 1 component)
  install(FILES ${deb}/copyright DESTINATION share/doc/${name} COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES ${PROJECT_BINARY_DIR}/changelog.gz DESTINATION share/doc/${name} RENAME changelog.Debian.gz
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME stele)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Stele developers <dev@stele.invalid>")
set(CPACK_PACKAGE_VENDOR Stele)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL server tools dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE "https://stele.invalid/")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_SERVER_PACKAGE_NAME stele)
set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION database)
set(CPACK_DEBIAN_SERVER_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "stele-tools (>= ${PROJECT_VERSION}), adduser")
set(CPACK_DEBIAN_SERVER_PACKAGE_SUGGESTS "zookeeper, prometheus")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA "${deb}/postinst;${deb}/prerm;${deb}/postrm;${made}/conffiles")
set(CPACK_COMPONENT_SERVER_DESCRIPTION
  "store in the model of Bigtable, servers
Units of systemd for a whole cell in one process, for masters and for
tablet servers, their configuration, the user that they run as, the
runbook, alarms and a dashboard. The installation starts no role: see
/usr/share/doc/stele.")
file(WRITE ${made}/conffiles "/etc/stele/local.conf\n/etc/stele/cell.conf\n/etc/default/stele-local\n/etc/default/stele-master\n/etc/default/stele-tabletserver\n")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME stele-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION database)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION
  "store in the model of Bigtable, program
The program stele: it reads, writes, loads, administers and debugs a
cell, and is what the servers of one run.")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libstele-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libabsl-dev, libcapnp-dev, libre2-dev")
set(CPACK_COMPONENT_DEV_DESCRIPTION
  "store in the model of Bigtable, client library
Headers and static library for programs in C++20, with files for
CMake's find_package and for pkg-config.")
include(CPack)
