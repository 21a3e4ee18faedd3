// Manual pages made of the verbs: what `--help` says, in roff's man macros. A page is in section 1
// and is called stele-table-create(1); stele(1) lists them all. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/verb.h"

namespace stele::cli {

std::string ManNameOf(const std::string& verb);  // "table create" is "stele-table-create"

std::string ManPage(const Verb& verb);
std::string ManOverview(const std::vector<Verb>& verbs);

// Text as roff prints it: nothing of it is a request or an escape, and what is not ASCII is named.
std::string RoffText(std::string_view text);

}  // namespace stele::cli
