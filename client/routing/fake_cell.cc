#include "client/routing/fake_cell.h"

#include <algorithm>

#include "common/base/check.h"
#include "schema/convert/error_payload.h"

namespace stele::routing {
namespace {

TabletLocation At(const TabletDescriptor& tablet, const std::string& address) {
  TabletLocation location;
  location.tablet = tablet;
  location.epoch = 1;
  location.assignment = TabletAssignment::kAssigned;
  location.server_id = "server-at-" + address;
  location.incarnation = 1;
  location.address = address;
  return location;
}

bool InRange(const RowRange& range, const std::string& row) {
  if (range.start_open ? row <= range.start && !range.start.empty() : row < range.start) {
    return false;
  }
  return range.end.empty() || (range.end_open ? row < range.end : row <= range.end);
}

bool InSet(const RowSet& rows, const std::string& row) {
  if (rows.keys.empty() && rows.ranges.empty()) return true;
  return std::find(rows.keys.begin(), rows.keys.end(), row) != rows.keys.end() ||
         std::any_of(rows.ranges.begin(), rows.ranges.end(),
                     [&](const RowRange& range) { return InRange(range, row); });
}

}  // namespace

net::TimerQueue::TimerId FakeTimers::RunAfter(int64_t delay_ms, std::function<void()> fn) {
  const TimerId id = next_id_++;
  due_[{clock_->BootNanos() + delay_ms * 1'000'000, id}] = std::move(fn);
  return id;
}

bool FakeTimers::Cancel(TimerId id) {
  return std::erase_if(due_, [&](const auto& entry) { return entry.first.second == id; }) > 0;
}

bool FakeTimers::RunNext() {
  if (due_.empty()) return false;
  auto node = due_.extract(due_.begin());
  advance_(std::max<int64_t>(0, node.key().first - clock_->BootNanos()));
  node.mapped()();
  return true;
}

FakeCell::FakeCell(FakeTimers* timers) : timers_(timers) {
  const std::string middle = MetadataRowKey(kTable, "m");
  TabletDescriptor first = FirstMetadataTabletDescriptor(), second = first;
  first.end_row = middle;
  second.id = 15;
  second.start_row = middle;
  locations_ = {At(RootTabletDescriptor(), "root:1"), At(first, "meta:1"), At(second, "meta:2")};
}

void FakeCell::SetTablets(const std::vector<std::pair<std::string, std::string>>& ends) {
  std::erase_if(locations_, [](const TabletLocation& l) { return l.tablet.table == kTable; });
  TabletId id = kFirstUserTablet;
  std::string start;
  for (const auto& [end, address] : ends) {
    locations_.push_back(At({id++, kTable, start, end}, address));
    start = end;
  }
}

void FakeCell::Split(const std::string& at, const std::string& address) {
  for (size_t i = 0; i < locations_.size(); ++i) {
    TabletDescriptor& parent = locations_[i].tablet;
    if (parent.table != kTable || !parent.Contains(at)) continue;
    TabletDescriptor child = parent;
    child.id = kFirstUserTablet + 1000 + static_cast<TabletId>(locations_.size());
    child.end_row = parent.start_row = at;
    locations_.insert(locations_.begin() + static_cast<ptrdiff_t>(i), At(child, address));
    return;
  }
}

void FakeCell::Move(const std::string& end_row, const std::string& address) {
  for (TabletLocation& location : locations_) {
    if (location.tablet.table != kTable || location.tablet.end_row != end_row) continue;
    location.address = address;
    ++location.epoch;
  }
}

void FakeCell::MoveMetadata(TabletId tablet, const std::string& address) {
  for (TabletLocation& location : locations_) {
    if (location.tablet.id != tablet) continue;
    location.address = address;
    ++location.epoch;
  }
}

void FakeCell::Call(const std::string& address, uint16_t method, net::Buffer body,
                    int64_t timeout_ms, Callback done) {
  CHECK_GT(timeout_ms, 0);
  pending_.push_back({address, static_cast<wire::Method>(method), std::move(body), std::move(done),
                      timeout_ms, ++calls_});
  size_t mutations = 0;
  for (const Pending& call : pending_) mutations += call.method == wire::Method::kMutateRows;
  most_in_flight = std::max(most_in_flight, mutations);
}

net::RpcClient::Canceller FakeCell::CancellableCall(const std::string& address, uint16_t method,
                                                    net::Buffer body, int64_t timeout_ms,
                                                    Callback done) {
  Call(address, method, std::move(body), timeout_ms, std::move(done));
  return [this, number = calls_] {
    for (Pending& call : pending_) call.cancelled |= call.number == number;
  };
}

StatusOr<net::Buffer> FakeCell::CallSync(const std::string&, uint16_t, net::Buffer, int64_t) {
  return absl::UnimplementedError("routing has no use for it");
}

bool FakeCell::Run(const std::function<bool()>& done) {
  while (!done()) {
    if (!pending_.empty()) {
      Pending call = std::move(pending_.front());
      pending_.pop_front();
      Answer(std::move(call));
    } else if (!timers_->RunNext()) {
      return false;
    }
  }
  return true;
}

void FakeCell::Answer(Pending call) {
  sent.push_back({call.address, call.method});
  if (call.cancelled) {
    ++cancelled_calls;
    return call.done(absl::CancelledError("nobody waits"));
  }
  const auto failure = std::find_if(failures_.begin(), failures_.end(),
                                    [&](const Failure& f) { return f.method == call.method; });
  if (rewrite_answer.answer && rewrite_answer.method == call.method) {
    return call.done(rewrite_answer.answer(Execute(call)));
  }
  if (failure == failures_.end() || failure->passed-- > 0) return call.done(Execute(call));
  const Failure chosen = *failure;
  failures_.erase(failure);
  if (chosen.executed) Execute(call).status().IgnoreError();
  if (!chosen.silent) return call.done(chosen.status);
  timers_->RunAfter(call.timeout_ms, [done = std::move(call.done)] {
    done(absl::DeadlineExceededError("no answer"));
  });
}

int FakeCell::CountSent(wire::Method method, const std::string& address) const {
  return static_cast<int>(std::count_if(sent.begin(), sent.end(), [&](const Sent& s) {
    return s.method == method && (address.empty() || s.address == address);
  }));
}

StatusOr<net::Buffer> FakeCell::Execute(const Pending& call) {
  switch (call.method) {
    case wire::Method::kGetRoot: {
      wire::GetRootResponse root;
      root.cell_name = "fake";
      root.root = locations_[0];
      root.master_address = "master:1";
      return wire::Encode(root);
    }
    case wire::Method::kMutateRows:
      return Mutate(call);
    case wire::Method::kReadRows:
      return Read(call);
    case wire::Method::kCheckAndMutateRow:
      return Check(call);
    case wire::Method::kListTables:
    case wire::Method::kDropTable:
      return wire::Encode(wire::Empty());
    default:
      return absl::UnimplementedError("not faked");
  }
}

StatusOr<TabletLocation> FakeCell::Served(TabletId tablet, const std::string& address) const {
  for (const TabletLocation& location : locations_) {
    if (location.tablet.id != tablet) continue;
    if (location.address == address) return location;
    return wire::NotServedError("the tablet moved", hints ? &location : nullptr);
  }
  return wire::NotServedError("no such tablet", nullptr);
}

StatusOr<net::Buffer> FakeCell::Mutate(const Pending& call) {
  wire::MutateRowsRequest request;
  RETURN_IF_ERROR(wire::Decode(call.body, &request));
  RETURN_IF_ERROR(Served(request.tablet, call.address).status());
  wire::MutateRowsResponse response;
  for (size_t i = 0; i < request.rows.size(); ++i) {
    const RowMutation& mutation = request.rows[i];
    wire::RowResult result;
    if (!request.sequences.empty()) {
      ids_of[mutation.row].push_back(
          {request.client_id, request.sequences[i], request.first_incomplete});
    }
    if (!refuse_writes.ok()) {
      result.status = refuse_writes;
      result.retry_delay_ms = wire::RetryDelayMs(refuse_writes);
    } else if (refused_rows.count(mutation.row) > 0) {
      result.status = absl::NotFoundError("no such family");
    } else {
      ++times_applied[mutation.row];
      rows[mutation.row] = {mutation.row, {{"f", "q", 0, "applied"}}};
    }
    response.results.push_back(result);
  }
  return wire::Encode(response);
}

StatusOr<net::Buffer> FakeCell::Check(const Pending& call) {
  wire::CheckAndMutateRowRequest request;
  RETURN_IF_ERROR(wire::Decode(call.body, &request));
  RETURN_IF_ERROR(Served(request.tablet, call.address).status());
  ids_of[request.row].push_back(request.id);
  wire::CheckAndMutateRowResponse response;
  if (refused_rows.count(request.row) > 0) {
    response.result.status = absl::NotFoundError("no such family");
  }
  return wire::Encode(response);
}

std::map<std::string, Row> FakeCell::RowsOf(const TabletLocation& tablet) const {
  if (tablet.tablet.table == kTable) return rows;
  std::map<std::string, Row> out;
  for (const TabletLocation& location : locations_) {
    if (location.tablet.id == kRootTablet) continue;
    const std::string key = MetadataRowKey(location.tablet.table, location.tablet.end_row);
    out[key] = {key, {{kSystemFamily, kLocationQualifier, 0, EncodeTabletLocation(location)}}};
  }
  return out;
}

Status FakeCell::BeforeTablet(const std::string& row) const {
  for (const TabletLocation& location : locations_) {
    const bool holder = location.tablet.table == kTable && location.tablet.Contains(row + '\0');
    if (hints && holder) return wire::NotServedError("another tablet's", &location);
  }
  return wire::NotServedError("asked for rows before the tablet", nullptr);
}

StatusOr<net::Buffer> FakeCell::Read(const Pending& call) {
  wire::ReadRowsRequest request;
  RETURN_IF_ERROR(wire::Decode(call.body, &request));
  if (request.release) {
    released.push_back(request.cursor.scanner_id);
    return wire::Encode(wire::ReadRowsResponse{.done = true});
  }
  ASSIGN_OR_RETURN(TabletLocation tablet, Served(request.tablet, call.address));
  std::vector<Row> found;
  for (const auto& [key, row] : RowsOf(tablet)) {
    const bool wanted =
        tablet.tablet.Contains(key) && InSet(request.rows, key) &&
        (request.resume_after.empty() ||
         (request.reversed ? key < request.resume_after : key > request.resume_after));
    if (wanted) found.push_back(row);
  }
  // As a server does: rows before the tablet are another's.
  for (const RowRange& range : request.rows.ranges) {
    if (range.start < tablet.tablet.start_row) return BeforeTablet(range.start);
  }
  for (const std::string& key : request.rows.keys) {
    if (key <= tablet.tablet.start_row) return BeforeTablet(key);
  }
  if (request.reversed && !ascending_whatever_is_asked) std::reverse(found.begin(), found.end());
  return wire::Encode(Page(request, std::move(found)));
}

// With cells_per_part a row of more cells comes in parts, by a cursor that counts them.
wire::ReadRowsResponse FakeCell::Page(const wire::ReadRowsRequest& request,
                                      std::vector<Row> found) const {
  wire::ReadRowsResponse page;
  const uint64_t limit =
      std::min(rows_per_page, request.rows_limit > 0 ? request.rows_limit : rows_per_page);
  page.resume_after = request.resume_after;
  for (Row& row : found) {
    if (page.rows.size() == limit) break;
    if (cells_per_part > 0 && row.cells.size() > cells_per_part && row.cells[0].family == "f") {
      if (!page.rows.empty()) return page;
      const uint64_t from = request.cursor.cell_offset;
      const uint64_t to = std::min<uint64_t>(from + cells_per_part, row.cells.size());
      const bool more = to < row.cells.size();
      row.cells = std::vector<Cell>(row.cells.begin() + static_cast<ptrdiff_t>(from),
                                    row.cells.begin() + static_cast<ptrdiff_t>(to));
      if (more) page.cursor = {next_scanner_++, to};
      if (!more) page.resume_after = row.key;
      page.rows.push_back(std::move(row));
      return page;
    }
    page.resume_after = row.key;
    page.rows.push_back(std::move(row));
  }
  page.done = page.rows.size() == found.size() ||
              (request.rows_limit > 0 && page.rows.size() == request.rows_limit);
  return page;
}

}  // namespace stele::routing
