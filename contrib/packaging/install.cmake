# What is installed, and the Debian package made of it: `cmake --install build`, or `cpack -G DEB --config build/CPackConfig.cmake`.
# Neither builds anything but the program. The layout that only Debian has is laid by ./debian.cmake.
include(GNUInstallDirs)
set(contrib ${PROJECT_SOURCE_DIR}/contrib)
set(docs ${CMAKE_INSTALL_DOCDIR})

install(TARGETS stswatch)
install(FILES ${contrib}/completion/stswatch.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME stswatch)
install(FILES ${contrib}/systemd/stswatch.sysusers DESTINATION lib/sysusers.d RENAME stswatch.conf)
install(DIRECTORY ${contrib}/docs/ DESTINATION ${docs} FILES_MATCHING PATTERN *.md  # not what only developers cite
        PATTERN rules.md EXCLUDE PATTERN interface.md EXCLUDE PATTERN measured.md EXCLUDE PATTERN *.[15].md EXCLUDE)
install(FILES ${contrib}/api.md ${contrib}/SECURITY.md DESTINATION ${docs})
install(DIRECTORY ${contrib}/alertmanager ${contrib}/grafana ${contrib}/prometheus ${contrib}/icinga ${contrib}/receivers DESTINATION ${docs}/examples
        PATTERN tests EXCLUDE)
install(FILES config/example.toml ${contrib}/systemd/credentials.conf ${contrib}/systemd/reports.conf DESTINATION ${docs}/examples)
install(CODE "set(contrib ${contrib})\nset(version ${PROJECT_VERSION})\ninclude(${contrib}/packaging/install_texts.cmake)")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME stswatch)
set(CPACK_PACKAGE_VENDOR stswatch)
set(STSWATCH_MAINTAINER "stswatch maintainers <maintainers@stswatch.invalid>" CACHE STRING "Who made the package: name and address")
set(CPACK_PACKAGE_CONTACT ${STSWATCH_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "watches MTA-STS of mail domains, and foresees when mail will stop")
set(CPACK_PACKAGE_DESCRIPTION "Looks at DNS records, policy files and mail hosts of a domain as sending mail
servers do (RFC 8461), remembers what those may still hold in their caches, and
says when mail will stop and why, early enough to act: by mail, Slack, webhook,
Alertmanager, Prometheus metrics, pages and the command line.")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "prometheus, prometheus-alertmanager")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(script conffiles postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${contrib}/packaging/debian/${script})
endforeach()
set(CPACK_PRE_BUILD_SCRIPTS ${contrib}/packaging/debian.cmake)
set(CPACK_STSWATCH_CONTRIB ${contrib})
include(CPack)
