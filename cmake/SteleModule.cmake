# stele_module(<target> SOURCES ... HEADERS ... DEPS ... [TESTS ...] [TEST_DEPS ...])
#
# One static library per folder. DEPS is the folder's whole list of permitted includes; headers are compiled alone
# (verified by the all_verify_interface_header_sets target). TESTS become one test binary <target>_test.
# SDK_HEADERS live in include/stele below the folder: included as "stele/x.h", installed for users of the SDK.
add_library(stele_flags INTERFACE)
target_compile_options(stele_flags INTERFACE
  -Wall -Wextra -Werror -Wno-unused-parameter -Wnon-virtual-dtor -Woverloaded-virtual -fno-omit-frame-pointer
  -msse4.2 -mpclmul
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wimplicit-fallthrough>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict -Wno-dangling-reference
    -Wno-missing-field-initializers>)  # gcc 12 also means designated ones, whose rest has defaults
target_include_directories(stele_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_link_libraries(stele_flags INTERFACE Threads::Threads)
if(STELE_SANITIZE)
  target_compile_options(stele_flags INTERFACE -fsanitize=${STELE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(stele_flags INTERFACE -fsanitize=${STELE_SANITIZE})
endif()

function(stele_module target)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;SDK_HEADERS;DEPS;PRIVATE_DEPS;TESTS;TEST_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    target_link_libraries(${target} PUBLIC stele_flags ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
    target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE stele_flags ${ARG_DEPS})
    target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  endif()
  if(ARG_SDK_HEADERS)
    list(TRANSFORM ARG_SDK_HEADERS PREPEND include/stele/)
    target_sources(${target} PUBLIC FILE_SET sdk TYPE HEADERS BASE_DIRS include FILES ${ARG_SDK_HEADERS})
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>)
  endif()
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  if(ARG_TESTS)
    stele_test(${target}_test SOURCES ${ARG_TESTS} DEPS ${target} ${ARG_TEST_DEPS})
  endif()
endfunction()

# stele_test(<name> SOURCES ... DEPS ... [TIMEOUT seconds] [LABELS ...]): one GoogleTest binary, one ctest entry.
function(stele_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(STELE_SANITIZE)
    math(EXPR ARG_TIMEOUT "4 * ${ARG_TIMEOUT}")
  endif()
  if(STELE_SANITIZE MATCHES "thread")
    list(APPEND ARG_SOURCES ${PROJECT_SOURCE_DIR}/cmake/tsan_suppressions.cc)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} stele_flags GTest::gtest GTest::gtest_main)
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-dangling-else>)  # EXPECT_… behind an if
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
