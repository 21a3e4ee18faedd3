// The text of `stele debug manifest FILE`: what a manifest says, one field a line; for damage, the
// first bad offset. Pure functions.
#pragma once

#include <string>

#include "tabletserver/storage/manifest/manifest.h"

namespace stele::storage {

// Row keys are shown with bytes outside printable ASCII as \xHH.
std::string ManifestText(const Manifest& manifest);

// Decodes and describes; the error of DecodeManifest for a damaged or newer one.
StatusOr<std::string> DumpManifest(Slice encoded);

}  // namespace stele::storage
