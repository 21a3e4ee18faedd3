#include "client/cli/man_page.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace stele::cli {
namespace {

// The code point that begins at text[at], and behind it; a byte that is no UTF-8 stands for itself.
uint32_t TakeCodePoint(std::string_view text, size_t* at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(*at);
  const size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
  uint32_t point = more == 0 ? first : first & (0x3f >> more);
  const size_t begin = *at, end = *at + more;
  for (++*at; *at <= end && *at < text.size() && (byte(*at) & 0xc0) == 0x80; ++*at) {
    point = point << 6 | (byte(*at) & 0x3f);
  }
  if (*at == end + 1) return point;
  *at = begin + 1;
  return first;
}

// Lines that are indented, or that are short for a reason, stay lines; the others flow.
std::string Paragraphs(const std::string& text) {
  std::string out;
  bool fixed = false;
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (const std::string& line : lines) {
    const bool indented = !line.empty() && line[0] == ' ';
    if (indented != fixed) out += indented ? ".nf\n" : ".fi\n";
    fixed = indented;
    out += line.empty() ? ".PP\n" : RoffText(line) + "\n";
  }
  return fixed ? out + ".fi\n" : out;
}

std::string Title(const std::string& name) {
  return absl::StrCat(".TH ", RoffText(absl::AsciiStrToUpper(name)), " 1 \"\" \"stele ",
                      STELE_VERSION, "\" \"Stele\"\n.SH NAME\n");
}

void AddOptions(const po::options_description& options, std::string* page) {
  for (const auto& option : options.options()) {
    absl::StrAppend(page, ".TP\n");
    const std::string name = RoffText("--" + option->long_name());
    const std::string value = option->format_parameter();
    absl::StrAppend(page, option->long_name() == "help" ? "\\fB\\-h\\fR, " : "", "\\fB", name,
                    "\\fR");
    if (!value.empty()) absl::StrAppend(page, " \\fI", RoffText(value), "\\fR");
    absl::StrAppend(page, "\n", RoffText(absl::StrReplaceAll(option->description(), {{"\n", " "}})),
                    "\n");
  }
}

}  // namespace

std::string RoffText(std::string_view text) {
  std::string out;
  // At the start of a line these begin a request.
  if (!text.empty() && (text[0] == '.' || text[0] == '\'')) out = "\\&";
  for (size_t at = 0; at < text.size();) {
    const uint32_t point = TakeCodePoint(text, &at);
    switch (point) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '"':
        out += "\\(dq";
        break;
      default:
        if (point < 0x80) {
          out += static_cast<char>(point);
        } else {
          absl::StrAppend(&out, absl::StrFormat("\\[u%04X]", point));
        }
    }
  }
  return out;
}

std::string ManNameOf(const std::string& verb) {
  return "stele-" + absl::StrReplaceAll(verb, {{" ", "-"}});
}

std::string ManPage(const Verb& verb) {
  const std::string name = ManNameOf(verb.name);
  std::string page = Title(name);
  absl::StrAppend(&page, RoffText(name), " \\- ", RoffText(verb.summary), "\n.SH SYNOPSIS\n", ".B ",
                  RoffText("stele " + verb.name), "\n");
  if (!verb.arguments.empty()) absl::StrAppend(&page, ".I ", RoffText(verb.arguments), "\n");
  absl::StrAppend(&page, "[\\fIFLAGS\\fR]\n");
  if (!verb.details.empty()) {
    absl::StrAppend(&page, ".SH DESCRIPTION\n", Paragraphs(verb.details));
  }
  absl::StrAppend(&page, ".SH OPTIONS\n");
  AddOptions(OptionsOf(verb), &page);
  absl::StrAppend(&page, ".SH EXAMPLES\n.nf\n", RoffText(verb.example), "\n.fi\n",
                  ".SH EXIT STATUS\n", Paragraphs(kExitCodes), ".SH SEE ALSO\n.BR stele (1)\n");
  return page;
}

std::string ManOverview(const std::vector<Verb>& verbs) {
  std::string page = Title("stele");
  absl::StrAppend(
      &page, "stele \\- a store in the model of Bigtable: its servers, and all that uses them\n",
      ".SH SYNOPSIS\n.B stele\n.I VERB\n[\\fIARGUMENTS\\fR] [\\fIFLAGS\\fR]\n.SH DESCRIPTION\n",
      "Each verb has a page of its own, and tells the same with\n.BR \\-\\-help .\n",
      ".SH COMMANDS\n");
  for (const Verb& verb : verbs) {
    absl::StrAppend(&page, ".TP\n.BR ", RoffText(ManNameOf(verb.name)), " (1)\n",
                    RoffText(verb.summary), "\n");
  }
  absl::StrAppend(&page, ".SH ENVIRONMENT\n.TP\n.B STELE_CELL\n",
                  "address of the cell, for verbs without \\-\\-cell\n.TP\n.B STELE_CONFIG\n",
                  "file of options, for servers without \\-\\-config\n.TP\n.B STELE_...\n",
                  "each option of a server: \\-\\-memory\\-limit is STELE_MEMORY_LIMIT\n.TP\n",
                  ".B NO_COLOR\nno colours on a terminal\n.SH EXIT STATUS\n",
                  Paragraphs(kExitCodes));
  return page;
}

}  // namespace stele::cli
