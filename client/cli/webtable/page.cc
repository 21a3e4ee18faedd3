#include "client/cli/webtable/page.h"

#include <gumbo.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "schema/model/limits.h"

namespace stele::webtable {
namespace {

// Memory of one parse, freed as a whole: gumbo's own destructor recurses as deep as the page nests.
class ParseArena {
 public:
  static void* Allocate(void* self, size_t size) {
    auto* arena = static_cast<ParseArena*>(self);
    size = (size + 15) & ~size_t{15};
    if (size > arena->left_) {
      const size_t block = std::max(size, kBlockBytes);
      arena->blocks_.push_back(std::make_unique<char[]>(block));
      arena->next_ = arena->blocks_.back().get();
      arena->left_ = block;
    }
    void* result = arena->next_;
    arena->next_ += size;
    arena->left_ -= size;
    return result;
  }
  static void Free(void*, void*) {}

 private:
  static constexpr size_t kBlockBytes = 256 * 1024;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
};

// Elements without content, and those whose end the standard implies.
bool NestsByItself(absl::string_view name) {
  static constexpr absl::string_view kFlat[] = {
      "area", "base", "br",     "col", "dd",    "dt",     "embed", "hr", "img", "input", "li",
      "link", "meta", "option", "p",   "param", "source", "td",    "th", "tr",  "track", "wbr"};
  return std::find(std::begin(kFlat), std::end(kFlat), name) == std::end(kFlat);
}

// More start tags than end tags than any real page has: the parser's work grows with the square of
// the depth, so such a page is not given to it.
bool NestsTooDeep(std::string_view html) {
  int64_t depth = 0;
  for (size_t i = html.find('<'); i != html.npos; i = html.find('<', i + 1)) {
    const bool end = i + 1 < html.size() && html[i + 1] == '/';
    size_t from = i + (end ? 2 : 1), to = from;
    while (to < html.size() && absl::ascii_isalnum(static_cast<unsigned char>(html[to]))) ++to;
    if (to == from) continue;
    if (!NestsByItself(
            absl::AsciiStrToLower(FromStd(html.substr(from, std::min<size_t>(to - from, 16)))))) {
      continue;
    }
    depth = end ? std::max<int64_t>(depth - 1, 0) : depth + 1;
    if (depth > kMaxOpenTags) return true;
  }
  return false;
}

// Collapses runs of white space to one blank and strips both ends.
std::string Collapse(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (!absl::ascii_isspace(static_cast<unsigned char>(c))) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// Cuts to at most `limit` bytes without cutting a UTF-8 character.
void CutText(size_t limit, std::string* text) {
  if (text->size() <= limit) return;
  while (limit > 0 && (static_cast<unsigned char>((*text)[limit]) & 0xC0) == 0x80) --limit;
  text->resize(limit);
}

bool IsChildList(const GumboNode* node) {
  return node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE;
}

bool IsText(const GumboNode* node) {
  return node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE ||
         node->type == GUMBO_NODE_CDATA;
}

const char* Attribute(const GumboNode* node, const char* name) {
  const GumboAttribute* attribute = gumbo_get_attribute(&node->v.element.attributes, name);
  return attribute == nullptr ? nullptr : attribute->value;
}

// Walks the tree once, to a bounded depth.
class Extractor {
 public:
  Extractor(const Url& url, Page* page) : own_key_(PageRowKey(url)), base_(url), page_(page) {}

  void Visit(const GumboNode* node, int depth) {
    if (!IsChildList(node)) return;
    if (depth > kMaxElementDepth) {
      page_->truncated = true;
      return;
    }
    switch (node->v.element.tag) {
      case GUMBO_TAG_BASE:
        SetBase(Attribute(node, "href"));
        break;
      case GUMBO_TAG_TITLE:
        if (page_->title.empty()) page_->title = TextOf(node, depth);
        break;
      case GUMBO_TAG_A:
      case GUMBO_TAG_AREA:
        AddLink(node, depth);
        break;
      default:
        break;
    }
    const GumboVector& children = node->v.element.children;
    for (unsigned i = 0; i < children.length; ++i) {
      Visit(static_cast<const GumboNode*>(children.data[i]), depth + 1);
    }
  }

 private:
  void SetBase(const char* href) {
    if (href == nullptr || base_set_) return;  // only the first counts
    if (StatusOr<Url> base = ResolveReference(base_, href); base.ok()) {
      base_ = *std::move(base);
      base_set_ = true;
    }
  }

  std::string TextOf(const GumboNode* node, int depth) {
    std::string raw;
    AppendText(node, depth, &raw);
    std::string text = Collapse(raw);
    CutText(kMaxAnchorTextBytes, &text);
    return text;
  }

  void AppendText(const GumboNode* node, int depth, std::string* out) {
    if (IsText(node)) {
      out->append(node->v.text.text);
    } else if (IsChildList(node) && depth <= kMaxElementDepth) {
      const char* alt = node->v.element.tag == GUMBO_TAG_IMG ? Attribute(node, "alt") : nullptr;
      if (alt != nullptr) out->append(alt);
      if (node->v.element.tag == GUMBO_TAG_BR) out->push_back(' ');
      const GumboVector& children = node->v.element.children;
      for (unsigned i = 0; i < children.length; ++i) {
        AppendText(static_cast<const GumboNode*>(children.data[i]), depth + 1, out);
      }
    }
  }

  void AddLink(const GumboNode* node, int depth) {
    const char* href = Attribute(node, "href");
    if (href == nullptr) return;  // a place to link to, not a link
    StatusOr<Url> target = ResolveReference(base_, href);
    if (!target.ok()) {
      ++page_->skipped_links;
      return;
    }
    std::string key = PageRowKey(*target);
    if (key == own_key_) return;
    if (key.size() > kMaxRowKeyBytes) {
      ++page_->skipped_links;
      return;
    }
    const char* alt = node->v.element.tag == GUMBO_TAG_AREA ? Attribute(node, "alt") : nullptr;
    Join(alt != nullptr ? Collapse(alt) : TextOf(node, depth), &page_->links[key]);
  }

  static void Join(const std::string& text, std::string* all) {
    if (text.empty()) return;
    std::vector<absl::string_view> seen = absl::StrSplit(*all, kTextSeparator);
    if (std::find(seen.begin(), seen.end(), absl::string_view(text)) != seen.end()) return;
    if (!all->empty()) all->append(kTextSeparator);
    all->append(text);
    CutText(kMaxAnchorTextBytes, all);
  }

  const std::string own_key_;
  Url base_;
  bool base_set_ = false;
  Page* const page_;
};

}  // namespace

Page ExtractPage(std::string_view html, const Url& url) {
  Page page;
  if (NestsTooDeep(html)) {
    page.truncated = true;
    return page;
  }
  ParseArena arena;
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = ParseArena::Allocate;
  options.deallocator = ParseArena::Free;
  options.userdata = &arena;
  options.max_errors = 0;
  const GumboOutput* output = gumbo_parse_with_options(&options, html.data(), html.size());
  Extractor(url, &page).Visit(output->root, 0);
  return page;
}

}  // namespace stele::webtable
