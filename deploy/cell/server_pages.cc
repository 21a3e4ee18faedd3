#include "deploy/cell/server_pages.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "deploy/cell/insight_pages.h"
#include "deploy/cell/server_numbers.h"

namespace stele::deploy {
namespace {

using obs::FormatBytes;

int64_t NumberOf(const wire::ServerStatusResponse& server, const char* name) {
  for (const wire::NamedNumber& number : server.numbers) {
    if (number.name == name) return std::max<int64_t>(number.value, 0);
  }
  return 0;
}

std::string DiskText(const wire::ServerStatusResponse& server) {
  const auto free = static_cast<uint64_t>(NumberOf(server, "disk.free_bytes"));
  const auto reserve = static_cast<uint64_t>(NumberOf(server, "disk.reserve_bytes"));
  std::string text =
      absl::StrCat(FormatBytes(free), " free, ", FormatBytes(reserve), " kept in reserve");
  if (NumberOf(server, "disk.full") == 0) return text;
  return absl::StrCat("FULL: writes are refused until there is room; ", text);
}

// Segments in the order in which they are written; more than can be told apart are shown together.
void AddRing(const wire::RingStatus& ring, obs::Page* page) {
  constexpr uint64_t kMostParts = 128;
  if (ring.segments == 0) return;
  const uint64_t parts = std::min(ring.segments, kMostParts);
  const uint64_t live = ring.head_segment - ring.tail_segment + 1;  // numbers of laps, not places
  std::vector<obs::RingPart> drawn;
  for (uint64_t i = 0; i < parts; ++i) {
    const uint64_t segment = ring.tail_segment + i * ring.segments / parts;
    const uint64_t next = ring.tail_segment + (i + 1) * ring.segments / parts;
    const bool head = segment <= ring.head_segment && ring.head_segment < next;
    const bool used = segment < ring.tail_segment + live;
    drawn.push_back({head   ? obs::RingPart::Kind::kHead
                     : used ? obs::RingPart::Kind::kLive
                            : obs::RingPart::Kind::kFree,
                     absl::StrCat("segment ", segment,
                                  head   ? ", being written"
                                  : used ? ", needed for recovery"
                                         : ", free")});
  }
  page->Ring("Log ring", FormatBytes(ring.live_bytes), drawn);
}

}  // namespace

// The things of a server that can become full.
void AddServerLevels(const wire::ServerStatusResponse& server, obs::Page* page) {
  const wire::RingStatus& ring = server.ring;
  const uint64_t most = ring.max_segments * ring.segment_bytes;
  page->Level("Commit log ring",
              absl::StrCat(FormatBytes(ring.live_bytes), " needed for recovery, of at most ",
                           FormatBytes(most)),
              ring.live_bytes, most);
  const auto used = static_cast<uint64_t>(NumberOf(server, "memory.used"));
  const auto limit = static_cast<uint64_t>(NumberOf(server, "memory.limit"));
  page->Level("Memory", absl::StrCat(FormatBytes(used), " of ", FormatBytes(limit)), used, limit);
  page->Fact("Disk", DiskText(server));
}

void AddServerDetails(const wire::ServerStatusResponse& server, obs::Page* page) {
  page->Heading(server.server_id);
  page->Fact("State", server.state);
  page->Fact("Address", server.address);
  page->Fact("Incarnation", absl::StrCat(server.incarnation));
  AddServerLevels(server, page);
  const wire::RingStatus& ring = server.ring;
  AddRing(ring, page);
  page->Fact("Log segments",
             absl::StrCat(ring.segments, " of at most ", ring.max_segments, ", ",
                          FormatBytes(ring.segment_bytes), " each, reused ", ring.wraps, " times"));
  page->Fact("Log head", absl::StrCat("segment ", ring.head_segment, ", offset ", ring.head_offset,
                                      ", next LSN ", ring.next_lsn, ", epoch ", ring.epoch));
  page->Fact("Log tail", absl::StrCat("segment ", ring.tail_segment));
  std::string pinning;
  for (TabletId tablet : ring.pinning) {
    absl::StrAppend(&pinning, pinning.empty() ? "tablets " : ", ", tablet);
  }
  page->Fact("Tail kept by", pinning.empty() ? "nothing" : pinning);
  page->BeginTable({"Name", "Value", "Meaning"});
  for (const wire::NamedNumber& number : server.numbers) {
    const ServerNumber meaning = DescribeServerNumber(number.name);
    page->Row({number.name, FormatServerNumber(meaning, number.value), meaning.help});
  }
  page->EndTable();
}

std::string ServerPage(const wire::ServerStatusResponse& server) {
  obs::Page page(absl::StrCat("Tablet server ", server.server_id));
  AddInsightLinks(server.server_id, "/", &page);
  AddServerDetails(server, &page);
  return page.Finish();
}

}  // namespace stele::deploy
