# What an optimised build, the one that people run, is compiled and linked with beyond the defaults: a byte written past its
# end ends the process, addresses cannot be foretold, and what the loader has bound cannot be bound again. And nothing
# of where it was built is in it, so that the same revision gives the same binary anywhere (debug builds keep their
# paths for debuggers, and sanitizers want no fortified calls). tests/contrib/binary_test.py reads the result.
if(STSWATCH_SANITIZE)
  return()
endif()
include(CheckCXXCompilerFlag)
set(optimised "$<CONFIG:Release,RelWithDebInfo,MinSizeRel>")
set(program "$<NOT:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>>")  # or a part of one

add_compile_options("$<${optimised}:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3;-fstack-protector-strong>"
                    "$<$<AND:${optimised},${program}>:-fPIE>")
foreach(flag -fstack-clash-protection -fcf-protection)  # not on every processor
  string(MAKE_C_IDENTIFIER "STSWATCH_TAKES_${flag}" takes)
  check_cxx_compiler_flag(${flag} ${takes})
  if(${takes})
    add_compile_options("$<${optimised}:${flag}>")
  endif()
endforeach()
# The build folder, if it is in the source folder, is named by the later of the two, which wins.
add_compile_options("$<${optimised}:-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.;-ffile-prefix-map=${PROJECT_BINARY_DIR}=build>")
add_link_options("$<$<AND:${optimised},${program}>:-pie>" "$<${optimised}:-Wl,-z,relro;-Wl,-z,now;-Wl,-z,noexecstack;-Wl,--as-needed>")
