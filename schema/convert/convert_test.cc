// Every message survives the wire unchanged, and no bytes, damaged or made up, do harm on reading.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <vector>

#include "common/bytes/coding.h"
#include "schema/convert/codec.h"
#include "schema/convert/error_payload.h"
#include "schema/model/limits.h"

namespace stele::wire {
namespace {

// A small seeded generator of values of every shape that the messages hold.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2 + 1) {}
  uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  uint64_t Below(uint64_t n) { return Next() % n; }
  bool Bool() { return Below(2) == 0; }
  std::string Bytes(size_t max) {
    std::string out(Below(max + 1), '\0');
    for (char& c : out) c = static_cast<char>(Next());
    return out;
  }
  std::vector<std::string> Strings(size_t count, size_t max) {
    std::vector<std::string> out(Below(count + 1));
    for (std::string& s : out) s = Bytes(max);
    return out;
  }
  GcRule Gc(int depth) {
    GcRule rule;
    rule.kind = static_cast<GcRule::Kind>(Below(depth > 2 ? 3 : 5));
    rule.max_versions = static_cast<int32_t>(Next());
    rule.max_age_us = static_cast<int64_t>(Next());
    if (rule.kind < GcRule::Kind::kUnion) return rule;
    for (uint64_t i = Below(4); i > 0; i--) rule.rules.push_back(Gc(depth + 1));
    return rule;
  }
  FamilySchema Family() {
    return {Bytes(kMaxFamilyNameBytes), static_cast<uint16_t>(Next()), Bytes(10), Gc(0),
            static_cast<Aggregate>(Below(4))};
  }
  LocalityGroupSchema Group() {
    return {Bytes(20),
            static_cast<Codec>(Below(4)),
            static_cast<uint32_t>(Next()),
            static_cast<uint32_t>(Next()),
            Bool(),
            Bool()};
  }
  TableSchema Schema() {
    TableSchema schema;
    schema.name = Bytes(kMaxTableNameBytes);
    schema.id = Next();
    schema.version = Next();
    schema.next_family_id = static_cast<uint16_t>(Next());
    for (uint64_t i = Below(5); i > 0; i--) schema.families.push_back(Family());
    for (uint64_t i = Below(4); i > 0; i--) schema.groups.push_back(Group());
    schema.split_bytes = Next();
    schema.deletion_protection = Bool();
    return schema;
  }
  TabletDescriptor Tablet() { return {Next(), Next(), Bytes(40), Bytes(40)}; }
  TabletLocation Location() {
    return {Tablet(),  Next(), static_cast<TabletAssignment>(Below(3)),
            Bytes(12), Next(), Bytes(20)};
  }
  Status AnyStatus() {
    if (Bool()) return OkStatus();
    Status status(static_cast<absl::StatusCode>(1 + Below(16)), Bytes(60));
    if (Bool())
      status.SetPayload("stele.dev/" + std::string(1, 'a' + Below(26)), absl::Cord(Bytes(30)));
    return status;
  }
  TabletCounters Counters() { return {Next(), Next(), Next(), Next(), Next(), Next()}; }
  Mutation AnyMutation() {
    switch (Below(6)) {
      case 0:
        return SetCell{Bytes(8), Bytes(30), static_cast<int64_t>(Next()), Bytes(300)};
      case 1:
        return DeleteFromColumn{Bytes(8), Bytes(30), static_cast<int64_t>(Next()),
                                static_cast<int64_t>(Next())};
      case 2:
        return DeleteFromFamily{Bytes(8)};
      case 3:
        return AddToCell{Bytes(8), Bytes(30), static_cast<int64_t>(Next()),
                         static_cast<int64_t>(Next())};
      case 4:
        return MergeToCell{Bytes(8), Bytes(30), static_cast<int64_t>(Next()), Bytes(8)};
      default:
        return DeleteFromRow{};
    }
  }
  std::vector<Mutation> Mutations() {
    std::vector<Mutation> mutations;
    for (uint64_t i = Below(6); i > 0; i--) mutations.push_back(AnyMutation());
    return mutations;
  }
  RowResult Result() { return {AnyStatus(), static_cast<int64_t>(Next()), Bool()}; }
  RequestId Id() { return {Next(), Next(), Next()}; }

 private:
  uint64_t state_;
};

uint64_t Seed() {
  const char* given = std::getenv("STELE_TEST_SEED");
  const uint64_t seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  std::printf("seed %llu (STELE_TEST_SEED)\n", static_cast<unsigned long long>(seed));
  return seed;
}

GetRootResponse MakeRoot(Random& r) {
  return {r.Bytes(20), r.Location(), r.Location(), r.Bytes(30)};
}

MutateRowsRequest MakeMutateRows(Random& r) {
  MutateRowsRequest message{r.Next(), r.Next(), r.Next(), {}, {}, r.Next()};
  message.rows.resize(r.Below(20));
  for (RowMutation& row : message.rows) {
    row.row = r.Bytes(60);
    row.mutations = r.Mutations();
  }
  const size_t sequences = r.Bool() ? message.rows.size() : 0;
  for (size_t i = 0; i < sequences; ++i) message.sequences.push_back(r.Next());
  return message;
}

ReadModifyWriteRowRequest MakeReadModifyWrite(Random& r) {
  ReadModifyWriteRowRequest message{r.Next(), r.Next(), r.Id(), r.Bytes(60), {}};
  for (uint64_t i = r.Below(6); i > 0; i--) {
    if (r.Bool()) {
      message.rules.push_back(IncrementValue{r.Bytes(8), r.Bytes(30), int64_t(r.Next())});
    } else {
      message.rules.push_back(AppendToValue{r.Bytes(8), r.Bytes(30), r.Bytes(300)});
    }
  }
  return message;
}

ReadModifyWriteRowResponse MakeReadModifyWriteResponse(Random& r) {
  ReadModifyWriteRowResponse message;
  message.result = r.Result();
  message.row.key = r.Bytes(60);
  for (uint64_t i = r.Below(8); i > 0; i--) {
    message.row.cells.push_back({r.Bytes(8), r.Bytes(30), int64_t(r.Next()), r.Bytes(400)});
  }
  return message;
}

MutateRowsResponse MakeMutateResponse(Random& r) {
  MutateRowsResponse message;
  message.results.resize(r.Below(20));
  for (RowResult& result : message.results) {
    result = r.Result();
  }
  return message;
}

// One of every kind of part.
Filter AFilter(Random& r) {
  const std::string bytes = r.Bytes(20);
  const Bound bound = r.Bool() ? Bound::Open(bytes) : Bound{};
  return Filter::Chain(
      {Filter::PassAll(), Filter::RowKeyRegex("a.*\\C"), Filter::RowSample(0.25),
       Filter::Interleave({Filter::Chain({Filter::FamilyNameRegex("f|g"), Filter::Sink()}),
                           Filter::QualifierRegex(""), Filter::ApplyLabel("x-1")}),
       Filter::Condition(Filter::ValueRegex("\\x00+"), r.Bool() ? Filter::BlockAll() : Filter{},
                         Filter::StripValue()),
       Filter::ColumnRange("fam", Bound::Closed(bytes), Bound::Closed(bytes + "x")),
       Filter::ValueRange(bound, Bound{}),
       Filter::TimestampRange(1000, static_cast<int64_t>(r.Next() >> 1) | 1024),
       Filter::CellsPerRowOffset(static_cast<int32_t>(r.Below(1u << 31))),
       Filter::CellsPerRowLimit(1), Filter::CellsPerColumnLimit(INT32_MAX),
       Filter::ValueBitmask("\xff" + bytes)});
}

ReadRowsRequest MakeReadRows(Random& r) {
  ReadRowsRequest message;
  message.table = r.Next();
  message.tablet = r.Next();
  message.rows.keys = r.Strings(6, 50);
  for (uint64_t i = r.Below(4); i > 0; i--) {
    message.rows.ranges.push_back({r.Bytes(30), r.Bool(), r.Bytes(30), r.Bool()});
  }
  message.selection.families = r.Strings(4, 10);
  for (uint64_t i = r.Below(4); i > 0; i--) {
    message.selection.columns.emplace_back(r.Bytes(10), r.Bytes(20));
  }
  message.selection.min_timestamp_us = static_cast<int64_t>(r.Next());
  message.selection.max_timestamp_us = static_cast<int64_t>(r.Next());
  message.selection.cells_per_column = static_cast<int32_t>(r.Next());
  message.selection.cells_per_row = static_cast<int32_t>(r.Next());
  for (uint64_t i = r.Below(3); i > 0; i--) {
    message.selection.ranges.push_back({r.Bytes(10), Bound::Closed(r.Bytes(9)), {}});
    message.selection.ranges.push_back({"", {}, Bound::Open(r.Bytes(9))});
  }
  message.rows_limit = r.Next();
  message.max_bytes = r.Next();
  message.resume_after = r.Bytes(40);
  message.cursor = {r.Next(), r.Next()};
  if (r.Bool()) message.filter = AFilter(r);
  message.sample_seed = r.Next();
  message.reversed = r.Bool();
  message.release = r.Bool();
  message.explain = r.Bool();
  return message;
}

ReadRowsResponse MakeReadResponse(Random& r) {
  ReadRowsResponse message;
  const std::vector<std::string> families = {r.Bytes(8), r.Bytes(8), "", r.Bytes(64)};
  message.rows.resize(r.Below(20));
  for (Row& row : message.rows) {
    row.key = r.Bytes(60);
    for (uint64_t i = r.Below(8); i > 0; i--) {
      row.cells.push_back({families[r.Below(families.size())], r.Bytes(30),
                           static_cast<int64_t>(r.Next()), r.Bytes(400),
                           r.Bool()   ? ""
                           : r.Bool() ? "a-label"
                                      : "b"});
    }
  }
  message.done = r.Bool();
  message.resume_after = r.Bytes(40);
  message.cursor = {r.Next(), r.Next()};
  message.stats = {r.Next(), r.Next(), r.Next()};
  if (r.Bool()) return message;
  PageTrace& trace = message.trace.emplace();
  trace.prepare_ns = static_cast<int64_t>(r.Next());
  trace.memory_ns = static_cast<int64_t>(r.Next());
  trace.wait_ns = static_cast<int64_t>(r.Next());
  trace.disk_ns = static_cast<int64_t>(r.Next());
  trace.memtables = r.Next();
  trace.memtable_cells = r.Next();
  trace.files_out_of_reach = r.Next();
  for (uint64_t i = r.Below(5); i > 0; i--) {
    trace.files.push_back({r.Bytes(40), static_cast<TracedFile::Filter>(r.Below(3)), r.Next(),
                           r.Next(), r.Next(), r.Next(), static_cast<int64_t>(r.Next())});
  }
  return message;
}

OpenTabletRequest MakeOpen(Random& r) {
  OpenTabletRequest message{r.Next(), r.Next(), std::nullopt};
  if (r.Bool()) message.create = NewTablet{r.Tablet(), r.Schema()};
  return message;
}

ReportTabletsResponse MakeReport(Random& r) {
  ReportTabletsResponse message;
  message.server_id = r.Bytes(10);
  message.incarnation = r.Next();
  message.leaving = r.Bool();
  message.tablets.resize(r.Below(8));
  for (TabletReport& tablet : message.tablets) {
    tablet = {r.Tablet(), r.Next(),     static_cast<TabletState>(r.Below(4)),
              r.Next(),   r.Counters(), r.AnyStatus(),
              r.Next(),   r.Bytes(20),  r.Next(),
              r.Next()};
  }
  for (uint64_t i = r.Below(3); i > 0; i--) {
    message.sortings.push_back({r.Bytes(9), r.Next(), r.Next(), r.Next(), r.Next(), r.Next(),
                                static_cast<int64_t>(r.Next())});
  }
  message.sorted_log_bytes = r.Next();
  message.sorted_log_ms = r.Next();
  return message;
}

ServerStatusResponse MakeServerStatus(Random& r) {
  ServerStatusResponse message{r.Bytes(9), r.Next(), r.Bytes(9), r.Bytes(9),
                               r.Bytes(9), r.Next(), {},         {}};
  message.ring = {r.Next(), r.Next(), r.Next(), r.Next(), r.Next(), r.Next(),
                  r.Next(), r.Next(), r.Next(), r.Next(), {}};
  for (uint64_t i = r.Below(5); i > 0; i--) message.ring.pinning.push_back(r.Next());
  for (uint64_t i = r.Below(5); i > 0; i--) {
    message.numbers.push_back({r.Bytes(20), static_cast<int64_t>(r.Next())});
  }
  return message;
}

AlterTableRequest MakeAlter(Random& r) {
  AlterTableRequest message;
  message.table = r.Bytes(kMaxTableNameBytes);
  for (uint64_t i = r.Below(5); i > 0; i--) {
    message.changes.push_back({static_cast<FamilyChange::Kind>(r.Below(3)), r.Family()});
  }
  for (uint64_t i = r.Below(3); i > 0; i--) message.groups.push_back(r.Group());
  if (r.Bool()) message.split_bytes = r.Next();
  if (r.Bool()) message.deletion_protection = r.Bool();
  return message;
}

ListTablesResponse MakeTables(Random& r) {
  ListTablesResponse message;
  for (uint64_t i = r.Below(4); i > 0; i--) {
    message.tables.push_back({r.Schema(), r.Bytes(10), r.Next(), r.Next(), r.Next()});
  }
  return message;
}

CellStatusResponse MakeCellStatus(Random& r) {
  CellStatusResponse message;
  message.cell_name = r.Bytes(9);
  message.master_address = r.Bytes(9);
  message.master_http_address = r.Bytes(9);
  message.master_epoch = r.Next();
  message.ready = r.Bool();
  message.trouble = r.Bytes(30);
  message.work = r.Strings(4, 30);
  for (uint64_t i = r.Below(4); i > 0; i--) {
    message.servers.push_back({r.Bytes(9),
                               r.Next(),
                               r.Bytes(9),
                               r.Bytes(9),
                               r.Bytes(9),
                               r.Next(),
                               r.Next(),
                               static_cast<int64_t>(r.Next()),
                               r.Bool(),
                               r.Bytes(20),
                               {}});
    if (r.Bool()) {
      message.servers.back().recovery = {r.Bytes(9), r.Next(), r.Next(),
                                         r.Next(),   r.Next(), static_cast<int64_t>(r.Next())};
    }
  }
  message.recovery_bytes_per_second = r.Next();
  message.tables = MakeTables(r).tables;
  for (uint64_t i = r.Below(4); i > 0; i--) {
    message.tablets.push_back({r.Location(), r.Bytes(9), r.Bytes(9), r.Bytes(9),
                               static_cast<int64_t>(r.Next()), r.Counters()});
  }
  return message;
}

// One message type: how to make a body of it, and how to read any body as it.
struct Kind {
  std::string name;
  std::function<net::Buffer(Random&)> make;  // and checks that decoding gives the same again
  std::function<Status(const net::Buffer&)> decode;
  absl::StatusCode error;
};

template <typename T>
Kind MakeKind(const char* name, absl::StatusCode error, std::function<T(Random&)> make) {
  auto encode = [make, name](Random& r) {
    const T message = make(r);
    StatusOr<net::Buffer> body = Encode(message);
    EXPECT_TRUE(body.ok()) << name << " " << body.status();
    T decoded;
    const Status status = Decode(*body, &decoded);
    EXPECT_TRUE(status.ok()) << name << " " << status;
    EXPECT_TRUE(message == decoded) << name;
    EXPECT_EQ(Encode(decoded)->bytes(), body->bytes()) << name;
    return *body;
  };
  auto decode = [](const net::Buffer& body) {
    T out;
    return Decode(body, &out);
  };
  return {name, encode, decode, error};
}

SampleRowKeysResponse MakeSamples(Random& r) {
  SampleRowKeysResponse message;
  for (uint64_t i = r.Below(9); i > 0; i--) {
    message.samples.push_back({r.Bytes(40), r.Next(), r.Next()});
  }
  return message;
}

DropTabletRowsRequest MakeDropRows(Random& r) {
  return {r.Next(), r.Next(), {r.Bytes(40), r.Bool(), r.Bytes(40), r.Bool()}, r.Next()};
}

std::vector<Kind> RangeKinds() {
  constexpr auto kRequest = absl::StatusCode::kInvalidArgument;
  constexpr auto kResponse = absl::StatusCode::kDataLoss;
  return {
      MakeKind<DropRowRangeRequest>(
          "DropRowRangeRequest", kRequest,
          [](Random& r) {
            return DropRowRangeRequest{r.Bytes(50), r.Bytes(40), r.Bool()};
          }),
      MakeKind<DropTabletRowsRequest>("DropTabletRowsRequest", kRequest, MakeDropRows),
      MakeKind<SampleRowKeysRequest>(
          "SampleRowKeysRequest", kRequest,
          [](Random& r) {
            return SampleRowKeysRequest{r.Next(), r.Next(), r.Next(), r.Bytes(40)};
          }),
      MakeKind<SampleRowKeysResponse>("SampleRowKeysResponse", kResponse, MakeSamples),
  };
}

std::vector<Kind> ReshapeKinds() {
  constexpr auto kRequest = absl::StatusCode::kInvalidArgument;
  constexpr auto kResponse = absl::StatusCode::kDataLoss;
  return {
      MakeKind<SplitTabletRequest>("SplitTabletRequest", kRequest,
                                   [](Random& r) {
                                     return SplitTabletRequest{r.Next(),    r.Next(),
                                                               r.Bytes(30), r.Next(),
                                                               r.Bytes(30), r.Next() % 2 == 0};
                                   }),
      MakeKind<MergeTabletsRequest>(
          "MergeTabletsRequest", kRequest,
          [](Random& r) {
            return MergeTabletsRequest{r.Next(), r.Next(), r.Next(), r.Next(), r.Bytes(30)};
          }),
      MakeKind<RecoverLogRequest>(
          "RecoverLogRequest", kRequest,
          [](Random& r) {
            return RecoverLogRequest{r.Bytes(20), r.Next(), r.Next() % 2 == 0};
          }),
      MakeKind<TabletOrderRequest>(
          "TabletOrderRequest", kRequest,
          [](Random& r) {
            return TabletOrderRequest{
                r.Bytes(20), {r.Next(), r.Next()}, r.Bytes(9), r.Bytes(9), r.Bool()};
          }),
      MakeKind<TabletOrderResponse>(
          "TabletOrderResponse", kResponse,
          [](Random& r) { return TabletOrderResponse{r.Strings(9, 40)}; }),
  };
}

std::vector<Kind> MostKinds() {
  constexpr auto kRequest = absl::StatusCode::kInvalidArgument;
  constexpr auto kResponse = absl::StatusCode::kDataLoss;
  return {
      MakeKind<Empty>("Empty", kRequest, [](Random&) { return Empty{}; }),
      MakeKind<GetRootResponse>("GetRootResponse", kResponse, MakeRoot),
      MakeKind<MutateRowsRequest>("MutateRowsRequest", kRequest, MakeMutateRows),
      MakeKind<MutateRowsResponse>("MutateRowsResponse", kResponse, MakeMutateResponse),
      MakeKind<ReadModifyWriteRowRequest>("ReadModifyWriteRowRequest", kRequest,
                                          MakeReadModifyWrite),
      MakeKind<ReadModifyWriteRowResponse>("ReadModifyWriteRowResponse", kResponse,
                                           MakeReadModifyWriteResponse),
      MakeKind<CheckAndMutateRowRequest>(
          "CheckAndMutateRowRequest", kRequest,
          [](Random& r) {
            return CheckAndMutateRowRequest{
                r.Next(),      r.Next(),     r.Id(), r.Bytes(60), r.Bool() ? AFilter(r) : Filter{},
                r.Mutations(), r.Mutations()};
          }),
      MakeKind<CheckAndMutateRowResponse>("CheckAndMutateRowResponse", kResponse,
                                          [](Random& r) {
                                            return CheckAndMutateRowResponse{r.Result(), r.Bool()};
                                          }),
      MakeKind<ReadRowsRequest>("ReadRowsRequest", kRequest, MakeReadRows),
      MakeKind<ReadRowsResponse>("ReadRowsResponse", kResponse, MakeReadResponse),
      MakeKind<OpenTabletRequest>("OpenTabletRequest", kRequest, MakeOpen),
      MakeKind<CloseTabletRequest>("CloseTabletRequest", kRequest,
                                   [](Random& r) {
                                     CloseTabletRequest message{r.Next(), r.Next(), r.Bool()};
                                     if (r.Bool()) message.moved_to = r.Location();
                                     return message;
                                   }),
      MakeKind<AlterTabletRequest>("AlterTabletRequest", kRequest,
                                   [](Random& r) {
                                     return AlterTabletRequest{r.Next(), r.Next(), r.Schema()};
                                   }),
      MakeKind<TabletRequest>("TabletRequest", kRequest,
                              [](Random& r) {
                                return TabletRequest{r.Next(), r.Next()};
                              }),
      MakeKind<ReportTabletsResponse>("ReportTabletsResponse", kResponse, MakeReport),
      MakeKind<ServerStatusResponse>("ServerStatusResponse", kResponse, MakeServerStatus),
      MakeKind<VerifyTabletResponse>(
          "VerifyTabletResponse", kResponse,
          [](Random& r) {
            return VerifyTabletResponse{r.Next(), r.Next(), r.Strings(5, 60)};
          }),
      MakeKind<CreateTableRequest>("CreateTableRequest", kRequest,
                                   [](Random& r) {
                                     return CreateTableRequest{r.Schema(), r.Strings(9, 40)};
                                   }),
      MakeKind<TableResponse>("TableResponse", kResponse,
                              [](Random& r) { return TableResponse{r.Schema()}; }),
      MakeKind<AlterTableRequest>("AlterTableRequest", kRequest, MakeAlter),
      MakeKind<TableNameRequest>("TableNameRequest", kRequest,
                                 [](Random& r) { return TableNameRequest{r.Bytes(50)}; }),
      MakeKind<GetTableResponse>("GetTableResponse", kResponse,
                                 [](Random& r) {
                                   GetTableResponse message{r.Schema(), {}};
                                   for (uint64_t i = r.Below(5); i > 0; i--)
                                     message.tablets.push_back(r.Location());
                                   return message;
                                 }),
      MakeKind<ListTablesResponse>("ListTablesResponse", kResponse, MakeTables),
      MakeKind<CellStatusResponse>("CellStatusResponse", kResponse, MakeCellStatus),
      MakeKind<TableSchema>("TableSchema", kResponse, [](Random& r) { return r.Schema(); }),
  };
}

Event MakeEvent(Random& r) {
  return {r.Next(),    static_cast<int64_t>(r.Next()),
          r.Bytes(9),  r.Next(),
          r.Bytes(20), r.Bytes(9),
          r.Bytes(9),  r.Bytes(50)};
}

std::vector<Kind> EventKinds() {
  constexpr auto kResponse = absl::StatusCode::kDataLoss;
  return {MakeKind<Event>("Event", kResponse, MakeEvent),
          MakeKind<ListEventsRequest>("ListEventsRequest", absl::StatusCode::kInvalidArgument,
                                      [](Random& r) {
                                        return ListEventsRequest{
                                            r.Next(),   static_cast<int64_t>(r.Next()),
                                            r.Bytes(9), r.Next(),
                                            r.Bytes(9), r.Bytes(9),
                                            r.Next(),   r.Next()};
                                      }),
          MakeKind<ListEventsResponse>("ListEventsResponse", kResponse,
                                       [](Random& r) {
                                         ListEventsResponse message{{}, r.Next()};
                                         for (uint64_t i = r.Below(5); i > 0; i--)
                                           message.events.push_back(MakeEvent(r));
                                         return message;
                                       }),
          MakeKind<ReportLoadResponse>("ReportLoadResponse", kResponse, [](Random& r) {
            ReportLoadResponse message{r.Bytes(9), r.Next(), {}, {}};
            for (uint64_t i = r.Below(4); i > 0; i--) {
              TabletLoad& load = message.tablets.emplace_back();
              load.tablet = {r.Next(), r.Next(), r.Bytes(30), r.Bytes(30)};
              load.reads = r.Next();
              load.writes = r.Next();
              load.samples_taken = r.Next();
              for (uint64_t k = r.Below(5); k > 0; k--) {
                load.newest.push_back({r.Bytes(40), r.Below(2) == 0});
              }
            }
            for (uint64_t i = r.Below(3); i > 0; i--) {
              TableTimes& times = message.times.emplace_back();
              times.table = r.Next();
              for (uint64_t k = r.Below(9); k > 0; k--) times.reads.push_back(r.Next());
              for (uint64_t k = r.Below(9); k > 0; k--) times.writes.push_back(r.Next());
            }
            return message;
          })};
}

std::vector<Kind> ProcessKinds() {
  return {
      MakeKind<SetOptionRequest>(
          "SetOptionRequest", absl::StatusCode::kInvalidArgument,
          [](Random& r) {
            return SetOptionRequest{r.Bytes(9), r.Bytes(20), r.Bytes(20), r.Bytes(9)};
          }),
      MakeKind<DescribeProcessResponse>(
          "DescribeProcessResponse", absl::StatusCode::kDataLoss, [](Random& r) {
            DescribeProcessResponse message;
            message.role = r.Bytes(9);
            message.id = r.Bytes(9);
            message.version = r.Bytes(9);
            message.state = r.Bytes(9);
            message.wall_us = static_cast<int64_t>(r.Next());
            message.started_us = static_cast<int64_t>(r.Next());
            message.lease_left_ms = static_cast<int64_t>(r.Next());
            message.session_timeout_ms = static_cast<int64_t>(r.Next());
            for (uint64_t i = r.Below(4); i > 0; i--) {
              message.options.push_back({r.Bytes(9), r.Bytes(9), r.Bytes(9), r.Bytes(9), r.Bytes(9),
                                         r.Bytes(9), r.Bytes(9), r.Below(2) == 0, r.Bytes(30)});
            }
            return message;
          })};
}

std::vector<Kind> AllKinds() {
  std::vector<Kind> kinds = MostKinds();
  for (Kind kind : ReshapeKinds()) kinds.push_back(std::move(kind));
  for (Kind& kind : EventKinds()) kinds.push_back(std::move(kind));
  for (Kind& kind : ProcessKinds()) kinds.push_back(std::move(kind));
  for (Kind& kind : RangeKinds()) kinds.push_back(std::move(kind));
  return kinds;
}

TEST(ConvertTest, RoundTripsRandomValues) {
  Random random(Seed());
  for (const Kind& kind : AllKinds()) {
    for (int i = 0; i < 200; i++) kind.make(random);
  }
}

TEST(ConvertTest, RefusesEveryProperPrefix) {
  Random random(Seed());
  for (const Kind& kind : AllKinds()) {
    const net::Buffer body = kind.make(random);
    for (size_t n = 0; n < body.size(); n++) {
      const Status status = kind.decode(net::Buffer::Copy(body.bytes().substr(0, n)));
      ASSERT_EQ(status.code(), kind.error) << kind.name << " cut to " << n << ": " << status;
    }
  }
}

TEST(ConvertTest, DamageGivesAValueOrAnErrorOfTheMessagesKind) {
  Random random(Seed());
  size_t errors = 0;
  for (const Kind& kind : AllKinds()) {
    for (int i = 0; i < 400; i++) {
      const net::Buffer body = kind.make(random);
      net::Buffer damaged = net::Buffer::Copy(body.bytes());
      for (uint64_t flips = 1 + random.Below(4); flips > 0; flips--) {
        damaged.mutable_data()[random.Below(damaged.size())] ^=
            static_cast<char>(1 << random.Below(8));
      }
      const Status status = kind.decode(damaged);
      ASSERT_TRUE(status.ok() || status.code() == kind.error) << kind.name << ": " << status;
      errors += status.ok() ? 0 : 1;
    }
  }
  EXPECT_GT(errors, 100u) << "the damage must reach pointers, too";
}

TEST(ConvertTest, RandomBytesBehindAValidFrameDoNoHarm) {
  Random random(Seed());
  for (const Kind& kind : AllKinds()) {
    for (int i = 0; i < 300; i++) {
      const size_t words = 1 + random.Below(40);
      net::Buffer body(8 + words * 8);
      for (size_t at = 0; at < words; at++) {
        // Small numbers make more pointers that look right.
        const uint64_t word = random.Bool() ? random.Next() : random.Next() & 0x0000001f0000007f;
        EncodeFixed64(body.mutable_data() + 8 + at * 8, word);
      }
      EncodeFixed32(body.mutable_data(), 0);
      EncodeFixed32(body.mutable_data() + 4, static_cast<uint32_t>(words));
      const Status status = kind.decode(body);
      ASSERT_TRUE(status.ok() || status.code() == kind.error) << kind.name << ": " << status;
    }
  }
}

TEST(ConvertTest, OnlyTheOneSegmentFormIsRead) {
  const net::Buffer body = *Encode(TableNameRequest{"t"});
  for (const uint32_t count : {1u, 2u, 511u, 0x7fffffffu, 0xffffffffu}) {
    net::Buffer other = net::Buffer::Copy(body.bytes());
    EncodeFixed32(other.mutable_data(), count);
    TableNameRequest out;
    EXPECT_EQ(Decode(other, &out).code(), absl::StatusCode::kInvalidArgument) << count;
  }
  for (const uint32_t words : {0u, 1u, 0x1fffffffu, 0x20000001u, 0xffffffffu}) {
    net::Buffer other = net::Buffer::Copy(body.bytes());
    EncodeFixed32(other.mutable_data() + 4, words);
    TableNameRequest out;
    EXPECT_EQ(Decode(other, &out).code(), absl::StatusCode::kInvalidArgument) << words;
  }
}

// The row key, the qualifier, the family and the number of mutations, each one over its limit.
TEST(ConvertTest, OversizeIsInvalidAndNamesFieldSizeAndLimit) {
  auto refused = [](const MutateRowsRequest& message) {
    MutateRowsRequest out;
    const Status status = Decode(*Encode(message), &out);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  MutateRowsRequest message;
  message.rows = {{std::string(kMaxRowKeyBytes, 'r'), {SetCell{"f", "q", 0, "v"}}}};
  EXPECT_TRUE(Decode(*Encode(message), &message).ok()) << "at the limit";
  message.rows[0].row += 'r';
  EXPECT_EQ(refused(message), "row key: 4097 bytes, limit 4096");
  message.rows = {{"r", {SetCell{"f", std::string(kMaxQualifierBytes + 1, 'q'), 0, ""}}}};
  EXPECT_EQ(refused(message), "qualifier: 16385 bytes, limit 16384");
  message.rows = {{"r", {DeleteFromFamily{std::string(kMaxFamilyNameBytes + 1, 'f')}}}};
  EXPECT_EQ(refused(message), "family name: 65 bytes, limit 64");
  message.rows.assign(2, {"r", std::vector<Mutation>(kMaxMutationsPerBatch / 2, DeleteFromRow{})});
  EXPECT_TRUE(Decode(*Encode(message), &message).ok()) << "at the limit";
  message.rows.push_back({"r", {DeleteFromRow{}}});
  EXPECT_EQ(refused(message), "mutations in one batch: 100001 entries, limit 100000");
  message.rows.resize(1);
  message.sequences = {1, 2};
  EXPECT_EQ(refused(message), "sequences: 2 entries for 1 rows");
}

TEST(ConvertTest, DeepAndWideGcRulesAreRefused) {
  TableResponse message;
  message.schema.families.resize(1);
  GcRule deep;
  for (size_t i = 0; i < kMaxGcRuleDepth; i++) {
    GcRule outer;
    outer.kind = GcRule::Kind::kUnion;
    outer.rules.push_back(deep);
    deep = outer;
  }
  message.schema.families[0].gc = deep;
  TableResponse out;
  EXPECT_EQ(Decode(*Encode(message), &out).code(), absl::StatusCode::kDataLoss);
  message.schema.families[0].gc = deep.rules[0];
  EXPECT_TRUE(Decode(*Encode(message), &out).ok()) << "at the limit";
  GcRule wide;
  wide.kind = GcRule::Kind::kUnion;
  wide.rules.resize(kMaxGcRuleNodes);
  message.schema.families[0].gc = wide;
  EXPECT_EQ(Decode(*Encode(message), &out).code(), absl::StatusCode::kDataLoss);
}

// From both sides of each limit; a filter that arrives is a valid one.
TEST(ConvertTest, FiltersAreCheckedOnArrival) {
  const auto arrives = [](const Filter& filter) {
    ReadRowsRequest message, out;
    message.filter = filter;
    const Status status = Decode(*Encode(message), &out);
    if (status.ok()) EXPECT_EQ(out.filter, filter);
    return std::string(status.message());
  };
  Filter deep = Filter::PassAll();
  for (size_t i = 1; i < kMaxFilterDepth; i++) deep = Filter::Chain({Filter::PassAll(), deep});
  EXPECT_EQ(arrives(deep), "") << "at the limit";
  for (int i = 0; i < 3; i++) deep = Filter::Chain({Filter::PassAll(), deep});
  EXPECT_EQ(arrives(deep), "filter is more than 20 deep, which is the limit");
  for (int i = 0; i < 200; i++) deep = Filter::Chain({Filter::PassAll(), deep});
  EXPECT_NE(arrives(deep), "") << "deeper than a message may be";

  std::vector<Filter> wide(kMaxFilterBytes - 4, Filter::PassAll());
  EXPECT_EQ(arrives(Filter::Interleave(wide)), "") << "at the limit";
  wide.push_back(Filter::PassAll());
  EXPECT_NE(arrives(Filter::Interleave(wide)).find("the limit is 20480"), std::string::npos);
  wide.assign(200'000, Filter{});
  EXPECT_NE(arrives(Filter::Interleave(wide)).find("limit"), std::string::npos);
  EXPECT_EQ(arrives(Filter::ValueBitmask(std::string(kMaxFilterBytes - 4, 'm'))), "");
  EXPECT_NE(arrives(Filter::ValueBitmask(std::string(kMaxFilterBytes - 3, 'm'))), "");

  EXPECT_NE(arrives(Filter::ValueRegex("(")).find("Error in field 'value_regex' : "),
            std::string::npos);
  EXPECT_NE(arrives(Filter::ColumnRange(std::string(65, 'f'), {}, {})).find("65 bytes, limit 64"),
            std::string::npos);
  Filter odd = Filter::PassAll();
  odd.kind = static_cast<Filter::Kind>(200);
  EXPECT_EQ(arrives(odd), "filter of unknown kind 200");
  EXPECT_EQ(arrives(Filter::ValueRange({static_cast<Bound::Kind>(9), "x"}, {})),
            "bound of unknown kind 9");
}

TEST(ConvertTest, TooLargeMessagesAreNotEncoded) {
  MutateRowsRequest message;
  message.rows = {{"r",
                   {SetCell{"f", "q", 0, std::string(kMaxValueBytes, 'v')},
                    SetCell{"f", "q", 0, std::string(kMaxValueBytes / 2, 'v')}}}};
  EXPECT_EQ(Encode(message).status().code(), absl::StatusCode::kResourceExhausted);
  CreateTableRequest tables;  // its size is not estimated beforehand
  tables.split_keys.assign(2, std::string(kMaxFrameBytes / 2 + 1, 'k'));
  EXPECT_EQ(Encode(tables).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ConvertTest, ErrorPayloads) {
  Random random(Seed());
  const TabletLocation location = random.Location();
  const Status moved = NotServedError("gone", &location);
  EXPECT_EQ(moved.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(IsNotServed(moved));
  EXPECT_EQ(MovedTo(moved), location);
  const Status gone = NotServedError("gone", nullptr);
  EXPECT_TRUE(IsNotServed(gone));
  EXPECT_EQ(MovedTo(gone), std::nullopt);
  Status hostile = NotServedError("gone", nullptr);
  hostile.SetPayload(kNotServedPayload, absl::Cord("\xff\xff"));
  EXPECT_EQ(MovedTo(hostile), std::nullopt);
  EXPECT_FALSE(IsNotServed(absl::UnavailableError("other")));
  EXPECT_EQ(RetryDelayMs(OverloadedError("busy", 250)), 250);
  EXPECT_EQ(RetryDelayMs(OverloadedError("busy", 1'000'000'000)), 60'000);
  EXPECT_EQ(RetryDelayMs(OverloadedError("busy", -5)), 0);
  EXPECT_EQ(RetryDelayMs(absl::ResourceExhaustedError("busy")), 0);
  Status text = OverloadedError("busy", 1);
  text.SetPayload(kRetryDelayPayload, absl::Cord("soon"));
  EXPECT_EQ(RetryDelayMs(text), 0);
}

// A server with as many tablets as it may have, and the system's, is drained.
TEST(ConvertTest, ALongListOfStepsIsCutAndSaysSo) {
  TabletOrderResponse sent;
  for (size_t i = 0; i < kMaxOrderedTablets; ++i) sent.steps.push_back(absl::StrCat("step ", i));
  TabletOrderResponse received;
  ASSERT_TRUE(Decode(*Encode(sent), &received).ok());
  EXPECT_EQ(received, sent);
  sent.steps.insert(sent.steps.end(), {"the", "system's"});
  ASSERT_TRUE(Decode(*Encode(sent), &received).ok());
  ASSERT_EQ(received.steps.size(), kMaxOrderedTablets);
  EXPECT_EQ(received.steps[kMaxOrderedTablets - 2], sent.steps[kMaxOrderedTablets - 2]);
  EXPECT_EQ(received.steps.back(), "and 3 more");
}

TEST(ConvertTest, MethodTableFindsByNumber) {
  EXPECT_EQ(FindMethod(0), nullptr);
  EXPECT_EQ(FindMethod(static_cast<uint16_t>(Method::kEnd)), nullptr);
  EXPECT_EQ(FindMethod(65535), nullptr);
  EXPECT_STREQ(FindMethod(static_cast<uint16_t>(Method::kCompactTable))->name, "CompactTable");
  EXPECT_EQ(FindMethod(static_cast<uint16_t>(Method::kDropTable))->permission, Permission::kAdmin);
}

}  // namespace
}  // namespace stele::wire
