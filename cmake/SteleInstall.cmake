# What `cmake --install` puts in place: the program, and the SDK: headers, one static archive, find_package and pkg-config files.
#
# The SDK is one archive of the client and every folder below it: users link one thing and no inside target gets a name in their
# builds. It is static because no binary interface is promised before version 1; Cap'n Proto and RE2 are needed to link, never to
# compile.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Appends to <modules> the static libraries of the project that `target` needs, itself included, and to <outside> all others.
function(stele_link_closure target modules outside)
  get_target_property(type ${target} TYPE)
  get_target_property(imported ${target} IMPORTED)
  set(mine ${${modules}})
  set(others ${${outside}})
  if(imported)
    list(APPEND others ${target})
  elseif(NOT target IN_LIST mine)
    set(links INTERFACE_LINK_LIBRARIES)
    if(type STREQUAL STATIC_LIBRARY)
      list(APPEND mine ${target})
      set(links LINK_LIBRARIES)
    endif()
    get_target_property(needs ${target} ${links})
    foreach(need IN LISTS needs)
      if(TARGET ${need})
        stele_link_closure(${need} mine others)
      endif()
    endforeach()
  endif()
  list(REMOVE_DUPLICATES others)
  set(${modules} ${mine} PARENT_SCOPE)
  set(${outside} ${others} PARENT_SCOPE)
endfunction()

set(sdk_modules)
set(sdk_outside)
stele_link_closure(client sdk_modules sdk_outside)
# What the installed files know how to find; a new one must be added to steleConfig.cmake.in and stele.pc.in too.
list(REMOVE_ITEM sdk_outside Threads::Threads CapnProto::capnp PkgConfig::RE2 Boost::headers
  absl::status absl::statusor absl::strings absl::str_format absl::cord absl::span)
if(sdk_outside)
  message(FATAL_ERROR "the SDK needs ${sdk_outside}, which its installed package files do not name")
endif()

add_library(stele_sdk STATIC)
foreach(module IN LISTS sdk_modules)
  target_sources(stele_sdk PRIVATE $<TARGET_OBJECTS:${module}>)
  get_target_property(public_headers ${module} HEADER_SET_sdk)
  if(public_headers)
    get_target_property(public_dir ${module} HEADER_DIRS_sdk)
    target_sources(stele_sdk PUBLIC FILE_SET HEADERS BASE_DIRS ${public_dir} FILES ${public_headers})
  endif()
endforeach()
set_target_properties(stele_sdk PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME stele EXPORT_NAME client)
target_compile_features(stele_sdk INTERFACE cxx_std_20)
target_link_libraries(stele_sdk INTERFACE absl::status absl::statusor absl::strings absl::str_format absl::cord absl::span
  CapnProto::capnp PkgConfig::RE2 Threads::Threads)

install(TARGETS stele RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
install(TARGETS stele_sdk EXPORT steleTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/stele)
install(EXPORT steleTargets NAMESPACE stele:: DESTINATION ${package_dir} COMPONENT dev)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/steleConfig.cmake.in ${PROJECT_BINARY_DIR}/steleConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/steleConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/steleConfig.cmake ${PROJECT_BINARY_DIR}/steleConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT dev)
file(RELATIVE_PATH PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${CMAKE_CURRENT_LIST_DIR}/stele.pc.in ${PROJECT_BINARY_DIR}/stele.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/stele.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
