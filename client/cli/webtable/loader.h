// Loader: fills a table of families contents, title and anchor from a directory of HTML pages.
//
// Each page's row is PageRowKey of base URL + path. It gets contents: (the file as it is) and
// title:; each page that it links to gets anchor:<row of the page> = link text, on the target's
// row. All cells of a page carry its file's modification time (in whole milliseconds), so loading
// again writes the same cells again, and an interrupted load is continued by starting it anew.
//
// Memory is bounded by kBatchesInFlight + 1 batches and one page. A file that cannot be read or
// understood is named in the report and passed over. Run once, on one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/cli/webtable/url.h"
#include "common/base/mutex.h"
#include "common/store/fs.h"
#include "stele/table.h"

namespace stele::webtable {

inline constexpr char kContentsFamily[] = "contents";
inline constexpr char kTitleFamily[] = "title";
inline constexpr char kAnchorFamily[] = "anchor";
inline constexpr size_t kMaxPageBytes = 16u << 20;
inline constexpr size_t kBatchBytes = 4u << 20;
inline constexpr size_t kBatchMutations = 20'000;
inline constexpr uint32_t kBatchesInFlight = 2;

// Families and groups of a Webtable: contents in a group of its own (zstd), as pages are large and
// rarely read together with the rest.
TableSchema WebtableSchema(const std::string& name);

struct BrokenFile {
  std::string path;
  std::string reason;
};

struct LoadReport {
  uint64_t files = 0;  // found
  uint64_t pages = 0;  // loaded
  uint64_t bytes = 0;  // of their contents
  uint64_t links = 0;  // anchor cells
  uint64_t skipped_links = 0;
  std::vector<BrokenFile> broken;
};

// Relative paths of the files below `directory` whose names end in .html or .htm, sorted; what
// cannot be walked goes to *broken. NotFound when `directory` is none.
StatusOr<std::vector<std::string>> FindPages(const std::string& directory,
                                             std::vector<BrokenFile>* broken);

class Loader {
 public:
  // `table` and `fs` outlive it. `directory` has no trailing slash; base is where it stands on the
  // web.
  Loader(Table* table, Fs* fs, std::string directory, Url base);
  ~Loader();  // waits for batches under way
  // progress(pages done, pages in all) after each page. An error names the first row that could not
  // be written; what was written before stays.
  Status Run(const std::function<void(uint64_t, uint64_t)>& progress);
  const LoadReport& report() const { return report_; }

 private:
  Status LoadPage(const std::string& path);
  StatusOr<std::string> ReadFile(const std::string& path, int64_t* modified_us);
  void Add(const std::string& row, const char* family, const std::string& qualifier,
           int64_t timestamp_us, std::string value);
  Status SendBatch();
  Status WaitUntilInFlight(uint32_t at_most);

  Table* const table_;
  Fs* const fs_;
  const std::string directory_;
  const Url base_;
  LoadReport report_;
  std::map<std::string, RowMutation> batch_;
  size_t batch_bytes_ = 0;
  size_t batch_mutations_ = 0;

  Mutex mu_;
  CondVar batch_done_;
  uint32_t in_flight_ GUARDED_BY(mu_) = 0;
  Status failure_ GUARDED_BY(mu_);
};

}  // namespace stele::webtable
