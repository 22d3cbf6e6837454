# Run by `cmake --install`: the unit, which names the program where it is put, and the manual pages, which are written as
# Markdown (contrib/docs/*.[15].md). Without lowdown the pages are left out, and said to be.
set(to "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")

file(READ ${contrib}/systemd/stswatch.service unit)
string(REPLACE /usr/bin/stswatch ${CMAKE_INSTALL_PREFIX}/bin/stswatch unit "${unit}")
file(WRITE ${to}/lib/systemd/system/stswatch.service "${unit}")

find_program(LOWDOWN lowdown)
if(NOT LOWDOWN)
  message(WARNING "lowdown is not installed: no manual pages")
  return()
endif()
foreach(page stswatch.1 stswatch.toml.5)
  string(REGEX MATCH "[0-9]$" section ${page})
  string(REGEX REPLACE "\\.[0-9]$" "" title ${page})
  file(MAKE_DIRECTORY ${to}/share/man/man${section})
  execute_process(COMMAND ${LOWDOWN} -s -Tman --parse-no-autolink -M title=${title} -M section=${section} -M "source=stswatch ${version}"
                          -M volume= -M date= -o ${to}/share/man/man${section}/${page} ${contrib}/docs/${page}.md
                  COMMAND_ERROR_IS_FATAL ANY)
endforeach()
