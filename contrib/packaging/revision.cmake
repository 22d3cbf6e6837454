# The library stswatch_version: the commit that this was built from, for --version and stswatch_build_info. It is asked
# at each build, not once when configured; the one small file is compiled anew only where the answer has changed. In
# order: STSWATCH_REVISION (a cache variable or of the environment; for who builds without the repository), git, what `git archive` wrote into ./revision,
# else "unknown".
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(STSWATCH_REVISION "" CACHE STRING "The revision to report, where git is not to be asked")
  set(version_cc ${PROJECT_BINARY_DIR}/generated/agent/version.cc)
  configure_file(agent/version.h.in ${PROJECT_BINARY_DIR}/generated/agent/version.h @ONLY)
  add_custom_target(stswatch_revision
    ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUT=${version_cc} -DREVISION=${STSWATCH_REVISION} -P ${CMAKE_CURRENT_LIST_FILE}
    BYPRODUCTS ${version_cc} VERBATIM)
  add_library(stswatch_version STATIC ${version_cc})
  add_dependencies(stswatch_version stswatch_revision)
  target_include_directories(stswatch_version PUBLIC ${PROJECT_BINARY_DIR}/generated)
  return()
endif()

if(NOT REVISION)
  set(REVISION "$ENV{STSWATCH_REVISION}")
endif()
if(NOT REVISION AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD
                  OUTPUT_VARIABLE REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(REVISION)
    execute_process(COMMAND git -C ${SOURCE} --no-optional-locks status --porcelain --untracked-files=no
                    OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
      string(APPEND REVISION "-modified")
    endif()
  endif()
endif()
if(NOT REVISION)
  file(STRINGS ${SOURCE}/contrib/packaging/revision REVISION LIMIT_COUNT 1)
endif()
if(NOT REVISION MATCHES "^[0-9A-Za-z._+~-]+$")
  set(REVISION unknown)
endif()
configure_file(${SOURCE}/agent/version.cc.in ${OUT} @ONLY)
