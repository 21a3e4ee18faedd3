#include "tests/cluster/history_clients.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/time/clock.h"

namespace stele {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

constexpr int kTablets = 8;
constexpr int64_t kMaxPauseMs = 20;
constexpr int kOperators = 2;
constexpr int64_t kMaxOperatorPauseMs = 300;
constexpr int64_t kOperatorTimeoutMs = 4'000;
constexpr int64_t kConnectTimeoutMs = 1'000;
constexpr uint64_t kMaxRowsOfScan = 20;
constexpr int kServers = 3;
constexpr uint64_t kSumBytes = 8;

// Who waits long and tries everything again, who less of it, who nothing.
std::vector<ClientOptions> Kinds() {
  ClientOptions patient, careful, single, hasty;
  patient.timeout_ms = 10'000;
  careful.timeout_ms = 3'000;
  careful.retry_after_unknown = false;
  single.timeout_ms = 2'000;
  single.retry = false;
  hasty.timeout_ms = 700;
  return {patient, careful, single, hasty};
}

int64_t NumberOf(const std::string& bytes) {
  uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<uint8_t>(c);
  return static_cast<int64_t>(number);
}

// Of a change: what is neither OK nor unknown has had no effect, by the word of the SDK.
Outcome OutcomeOf(const Status& status) {
  if (status.ok()) return Outcome::kOk;
  const bool unknown = status.code() == absl::StatusCode::kUnknown ||
                       status.code() == absl::StatusCode::kAlreadyExists;
  return unknown ? Outcome::kUnknown : Outcome::kFailed;
}

bool MayBeTold(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

}  // namespace

HistoryClients::HistoryClients(std::vector<Client*> clients, int number, uint64_t seed)
    : clients_(std::move(clients)), number_(number), random_(seed) {}

StatusOr<std::vector<std::unique_ptr<Client>>> HistoryClients::Connect(const std::string& cell) {
  std::vector<std::unique_ptr<Client>> clients;
  for (ClientOptions options : Kinds()) {
    options.connect_timeout_ms = kConnectTimeoutMs;
    options.admin_timeout_ms = kOperatorTimeoutMs;
    ASSIGN_OR_RETURN(clients.emplace_back(), Client::Connect(cell, options));
  }
  return clients;
}

TableSchema HistoryClients::Schema() {
  TableSchema schema;
  schema.name = kTable;
  schema.groups = {LocalityGroupSchema{.name = "default"}};
  schema.families = {FamilySchema{.name = "f"}};
  schema.families[0].gc.kind = GcRule::Kind::kMaxVersions;
  schema.families[0].gc.max_versions = 1;
  return schema;
}

std::vector<std::string> HistoryClients::SplitKeys() {
  std::vector<std::string> keys;
  for (int i = 1; i < kTablets; ++i) {
    keys.push_back(absl::StrFormat("%02d", i * static_cast<int>(kRows) / kTablets));
  }
  return keys;
}

std::string HistoryClients::KeyOf(uint64_t row) const {
  return absl::StrFormat("%02d/%d", row, number_);
}

void HistoryClients::Start(int callers) {
  for (int i = 0; i < callers; ++i) {
    threads_.emplace_back([this, i, random = random_.Fork()]() mutable {
      Client* client = clients_[static_cast<size_t>(i) % clients_.size()];
      StatusOr<Table> table = client->OpenTable(kTable);
      while (!table.ok() && !stop_) {
        Pause(kMaxPauseMs);
        table = client->OpenTable(kTable);
      }
      if (!table.ok()) return;
      Caller caller{i, *std::move(table), std::move(random)};
      while (!stop_) Act(&caller);
    });
  }
  for (int i = 0; i < kOperators; ++i) {
    threads_.emplace_back([this, random = random_.Fork()]() mutable {
      Operate(clients_.front(), std::move(random));
    });
  }
}

void HistoryClients::Stop() {
  {
    MutexLock lock(&mu_);
    stop_ = true;
    stopped_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void HistoryClients::Pause(int64_t ms) {
  const int64_t end_ns = SystemClock()->BootNanos() + ms * 1'000'000;
  MutexLock lock(&mu_);
  while (!stop_ && SystemClock()->BootNanos() < end_ns) {
    stopped_.WaitFor(&mu_, std::chrono::nanoseconds(end_ns - SystemClock()->BootNanos()));
  }
}

void HistoryClients::Violation(const std::string& what) {
  MutexLock lock(&mu_);
  violations_.push_back(what);
}

std::vector<std::string> HistoryClients::violations() const {
  MutexLock lock(&mu_);
  return violations_;
}

Operation HistoryClients::Begin(const Caller& caller, Kind kind, uint64_t row) const {
  Operation operation;
  operation.kind = kind;
  operation.client = caller.number;
  operation.row = row;
  operation.begin_ns = MonotonicNanos();
  return operation;
}

void HistoryClients::End(Operation operation, const Status& status) {
  operation.end_ns = MonotonicNanos();
  operation.outcome = OutcomeOf(status);
  if (!MayBeTold(status)) {
    Violation(absl::StrCat(status.ToString(), ": ", ToString(operation)));
  }
  history_.Add(std::move(operation));
}

bool HistoryClients::Show(const Row& row, SeenRow* seen) {
  for (const Cell& cell : row.cells) {
    if (cell.qualifier == "ids") {
      for (const absl::string_view word : absl::StrSplit(cell.value, ',', absl::SkipEmpty())) {
        if (!absl::SimpleAtoi(word, &seen->ids.emplace_back())) return false;
      }
      continue;
    }
    if (cell.value.size() != kSumBytes) return false;
    (cell.qualifier == "count" ? seen->count : seen->sum) = NumberOf(cell.value);
  }
  return true;
}

void HistoryClients::Act(Caller* caller) {
  const uint64_t what = caller->random.Below(100);
  if (what < 45) {
    Append(caller);
  } else if (what < 65) {
    Add(caller);
  } else if (what < 95) {
    Read(caller);
  } else {
    Scan(caller);
  }
  Pause(static_cast<int64_t>(caller->random.Below(kMaxPauseMs)));
}

void HistoryClients::Append(Caller* caller) {
  Operation append = Begin(*caller, Kind::kAppend, caller->random.Below(kRows));
  append.id = next_id_.fetch_add(1);
  auto answer = caller->table.ReadModifyWrite(ReadModifyWriteBuilder(KeyOf(append.row))
                                                  .Append("f", "ids", absl::StrCat(append.id, ","))
                                                  .Increment("f", "count", 1)
                                                  .Build());
  if (answer.ok() && !Show(*answer, &append.seen)) Violation("no row of ours: " + answer->key);
  End(std::move(append), answer.status());
}

void HistoryClients::Add(Caller* caller) {
  Operation add = Begin(*caller, Kind::kAdd, caller->random.Below(kRows));
  auto answer = caller->table.ReadModifyWrite(
      ReadModifyWriteBuilder(KeyOf(add.row)).Increment("f", "sum", 1).Build());
  if (answer.ok() && !Show(*answer, &add.seen)) Violation("no row of ours: " + answer->key);
  End(std::move(add), answer.status());
}

void HistoryClients::Read(Caller* caller) {
  Operation read = Begin(*caller, Kind::kRead, caller->random.Below(kRows));
  auto answer = caller->table.ReadRow(KeyOf(read.row));
  if (answer.ok() && answer->has_value() && !Show(**answer, &read.seen)) {
    Violation("no row of ours: " + (*answer)->key);
  }
  End(std::move(read), answer.status());
}

// Each row of the scan is a read of its own, from the scan's begin; a row that it left out was
// empty.
void HistoryClients::Scan(Caller* caller) {
  const uint64_t first = caller->random.Below(kRows);
  const uint64_t last = std::min(kRows - 1, first + caller->random.Below(kMaxRowsOfScan));
  const Operation begun = Begin(*caller, Kind::kRead, first);
  const std::string end_key = KeyOf(last) + '\0';
  std::map<uint64_t, Operation> reads;
  std::string before;
  for (StatusOr<Row>& row : caller->table.ReadRows(ReadQuery().Range(KeyOf(first), end_key))) {
    if (!row.ok()) {
      if (!MayBeTold(row.status())) Violation(row.status().ToString());
      return;  // what came before says nothing of the rest
    }
    if (row->key <= before) Violation("a scan gave " + row->key + " after " + before);
    before = row->key;
    uint64_t number = 0;
    const size_t slash = row->key.find('/');
    if (row->key.substr(slash + 1) != absl::StrCat(number_)) continue;  // of another history
    if (!absl::SimpleAtoi(row->key.substr(0, slash), &number)) Violation("a row " + row->key);
    Operation& read = reads[number] = begun;
    read.row = number;
    read.end_ns = MonotonicNanos();
    if (!Show(*row, &read.seen)) Violation("no row of ours: " + row->key);
  }
  for (uint64_t row = first; row <= last; ++row) {
    Operation read = begun;
    read.row = row;
    read.end_ns = MonotonicNanos();
    if (auto found = reads.find(row); found != reads.end()) read = std::move(found->second);
    read.outcome = Outcome::kOk;
    history_.Add(std::move(read));
  }
}

StatusOr<std::vector<std::string>> HistoryClients::Reshape(Admin* admin, SeededRandom* random) {
  auto table = admin->DescribeTable(kTable);
  if (!table.ok()) return table.status();
  const std::vector<TabletInfo>& tablets = table->tablets;
  const size_t at = random->Below(tablets.size());
  TabletOrder order;
  order.tablets = {tablets[at].id};
  const uint64_t what = random->Below(3);
  if (what == 0) {
    order.server = absl::StrCat("ts-", random->Between(1, kServers));
    return admin->Move(order);
  }
  if (what == 1 || tablets.size() < kTablets || at + 1 == tablets.size()) {
    order.at = absl::StrFormat("%02d", random->Below(kRows));
    return admin->Split(order);
  }
  order.tablets.push_back(tablets[at + 1].id);
  return admin->Merge(order);
}

void HistoryClients::Operate(Client* client, SeededRandom random) {
  while (!stop_) {
    auto done = Reshape(&client->admin(), &random);
    if (done.ok()) ++reshaped_;
    const bool broken = done.status().code() == absl::StatusCode::kInternal ||
                        done.status().code() == absl::StatusCode::kDataLoss;
    if (broken) Violation(done.status().ToString());
    Pause(static_cast<int64_t>(random.Below(kMaxOperatorPauseMs)));
  }
}

Status HistoryClients::ReadAll(int64_t timeout_ms) {
  const int64_t end_ns = SystemClock()->BootNanos() + timeout_ms * 1'000'000;
  CallOptions call;
  call.timeout_ms = timeout_ms;
  StatusOr<Table> table = clients_.front()->OpenTable(kTable);
  while (!table.ok() && SystemClock()->BootNanos() < end_ns) {
    table = clients_.front()->OpenTable(kTable);
  }
  RETURN_IF_ERROR(table.status());
  const Caller nobody{-1, *table, SeededRandom(0)};
  for (uint64_t row = 0; row < kRows; ++row) {
    Operation read = Begin(nobody, Kind::kRead, row);
    auto answer = table->ReadRow(KeyOf(row), {}, call);
    if (!answer.ok()) return WithContext(answer.status(), KeyOf(row));
    if (answer->has_value() && !Show(**answer, &read.seen)) Violation("no row of ours");
    End(std::move(read), OkStatus());
  }
  return OkStatus();
}

}  // namespace stele
