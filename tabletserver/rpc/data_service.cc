#include "tabletserver/rpc/data_service.h"

#include <atomic>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "schema/convert/codec.h"
#include "schema/convert/error_payload.h"
#include "schema/convert/permission.h"
#include "tabletserver/rpc/read_task.h"
#include "tabletserver/rpc/row_plan.h"

namespace stele::tabletserver {
namespace {

// What a read costs while it is worked on, beside its request; the page itself is bounded by the
// connection's output limit.
constexpr uint64_t kReadCharge = 64 * 1024;
constexpr uint64_t kFewChanges = 1;  // beside one that is answered by the log's thread

SlowRequest SlowOf(SlowRequest::Kind kind, TableId table, TabletId tablet, const Status& status) {
  SlowRequest slow;
  slow.kind = kind;
  slow.table = table;
  slow.tablet = tablet;
  slow.outcome = absl::StatusCodeToString(status.code());
  return slow;
}

}  // namespace

Status DataService::CheckTable(const storage::TabletStore& store, TableId table) {
  if (store.descriptor().table == table) return OkStatus();
  return wire::NotServedError(
      absl::StrCat("tablet ", store.descriptor().id, " is not of table ", table), nullptr);
}

wire::RowResult DataService::ResultOf(const Status& status) {
  // Any error of the engine but Unknown is definite: no effect, ever.
  return {status, wire::RetryDelayMs(status), absl::IsUnknown(status)};
}

// Where the read begins; of many keys each.
void DataService::CountRead(const wire::ReadRowsRequest& read, storage::TabletStore* store) {
  for (const std::string& key : read.rows.keys) {
    if (store->descriptor().Contains(key)) store->load().Add(key);
  }
  if (!read.rows.keys.empty()) return;
  std::string begin = read.resume_after;
  if (begin.empty() && !read.rows.ranges.empty()) {
    begin = read.reversed ? read.rows.ranges.back().end : read.rows.ranges.front().start;
  }
  // One that begins outside of the tablet says nothing of where in it the load is.
  if (store->descriptor().Contains(begin)) store->load().Add(begin);
}

template <typename Message>
void DataService::NoteChange(SlowRequest::Kind kind, TableId table, const net::Buffer& request,
                             int64_t begun_ns, int64_t queued_ns, const Status& status) {
  const int64_t now_ns = parts_.clock->BootNanos();
  parts_.times->Add(table, RequestTimes::Kind::kWrite, now_ns - begun_ns);
  if (!parts_.slow->Wants(kind, now_ns - begun_ns, now_ns)) return;
  Message message;
  if (!wire::Decode(request, &message).ok()) return;
  SlowRequest slow = SlowOf(kind, table, message.tablet, status);
  slow.ended_us = parts_.clock->WallMicros();
  slow.total_ns = now_ns - begun_ns;
  if constexpr (std::is_same_v<Message, wire::MutateRowsRequest>) {
    slow.rows = message.rows.size();
    if (!message.rows.empty()) slow.row = message.rows.front().row;
  } else {
    slow.rows = 1;
    slow.row = message.row;
  }
  slow.trace.prepare_ns = (queued_ns == 0 ? now_ns : queued_ns) - begun_ns;
  if (queued_ns != 0) slow.trace.wait_ns = now_ns - queued_ns;
  parts_.slow->Add(std::move(slow), now_ns);
}

template void DataService::NoteChange<wire::MutateRowsRequest>(SlowRequest::Kind, TableId,
                                                               const net::Buffer&, int64_t, int64_t,
                                                               const Status&);
template void DataService::NoteChange<wire::ReadModifyWriteRowRequest>(SlowRequest::Kind, TableId,
                                                                       const net::Buffer&, int64_t,
                                                                       int64_t, const Status&);
template void DataService::NoteChange<wire::CheckAndMutateRowRequest>(SlowRequest::Kind, TableId,
                                                                      const net::Buffer&, int64_t,
                                                                      int64_t, const Status&);

struct DataService::WriteBatch {
  WriteBatch(net::RpcReply r, net::Buffer body, TableId t, size_t rows, int64_t begun)
      : reply(std::move(r)), request(std::move(body)), table(t), begun_ns(begun), remaining(rows) {
    response.results.resize(rows);
  }
  net::RpcReply reply;
  const net::Buffer request;  // read again when it was slow
  const TableId table;
  const int64_t begun_ns;
  std::atomic<int64_t> queued_ns{0};  // all of it, for the log
  Admission::Ticket ticket;
  wire::MutateRowsResponse response;  // each element is written once, by its row's completion
  std::atomic<size_t> remaining;
};

Status DataService::CheckDeadline(int64_t deadline_boot_ns, int64_t now_ns) {
  if (deadline_boot_ns == 0 || now_ns < deadline_boot_ns) return OkStatus();
  return absl::DeadlineExceededError("the request's deadline passed before it was begun");
}

void DataService::FinishRow(const std::shared_ptr<WriteBatch>& batch, size_t index,
                            const Status& status) {
  batch->response.results[index] = ResultOf(status);
  if (batch->remaining.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  NoteChange<wire::MutateRowsRequest>(SlowRequest::Kind::kWrite, batch->table, batch->request,
                                      batch->begun_ns, batch->queued_ns, status);
  AnswerChange(&batch->reply, wire::Encode(batch->response));
}

// While more changes are under way their answers are spread over the io threads: the log goes on.
void DataService::AnswerChange(net::RpcReply* reply, StatusOr<net::Buffer> answer) {
  std::optional<net::SendsFromHere> here;
  if (parts_.progress->in_flight() <= kFewChanges) here.emplace();
  reply->Send(std::move(answer));
}

void DataService::MutateRows(net::RpcRequest&& request, net::RpcReply&& reply) {
  const int64_t begun_ns = parts_.clock->BootNanos();
  if (Status late = CheckDeadline(request.deadline_boot_ns, begun_ns); !late.ok()) {
    return reply.Error(late);
  }
  auto ticket = parts_.admission->Admit(request.body.size());
  if (!ticket.ok()) return reply.Error(ticket.status());
  wire::MutateRowsRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  auto found = parts_.tablets->Find(message.tablet);
  if (!found.ok()) return reply.Error(found.status());
  const std::shared_ptr<storage::TabletStore> store = *std::move(found);
  if (Status wrong = CheckTable(*store, message.table); !wrong.ok()) return reply.Error(wrong);
  if (Status no = wire::CheckMayWrite(request, message.table); !no.ok()) return reply.Error(no);
  // All or nothing at this level: a client with an old location sends the whole batch elsewhere.
  for (const RowMutation& row : message.rows) {
    if (!row.row.empty() && !store->descriptor().Contains(row.row)) {
      return reply.Error(parts_.tablets->WrongTablet(message.table, row.row));
    }
  }
  if (message.rows.empty()) return reply.Send(wire::Encode(wire::MutateRowsResponse()));
  auto batch = std::make_shared<WriteBatch>(std::move(reply), std::move(request.body),
                                            message.table, message.rows.size(), begun_ns);
  batch->ticket = *std::move(ticket);
  for (size_t i = 0; i < message.rows.size(); ++i) {
    store->load().Add(message.rows[i].row, /*write=*/true);
    parts_.progress->Begin();
    storage::ChangeContext context{{}, request.deadline_boot_ns};
    if (!message.sequences.empty()) {
      context.id = {message.client_id, message.sequences[i], message.first_incomplete};
    }
    Status queued = store->Write(message.rows[i], context, [this, batch, i](const Status& status) {
      parts_.progress->End();
      FinishRow(batch, i, status);
    });
    if (queued.ok()) continue;
    parts_.progress->End();
    FinishRow(batch, i, queued);
  }
  batch->queued_ns = parts_.clock->BootNanos();
}

struct DataService::PendingRead {
  PendingRead(net::RpcReply r, Admission::Ticket t, int64_t begun)
      : reply(std::move(r)), ticket(std::move(t)), begun_ns(begun) {}
  net::RpcReply reply;
  Admission::Ticket ticket;
  const int64_t begun_ns;
  wire::ReadRowsRequest request;  // decoded in its place: moving it costs more than reading it
  std::optional<ReadTask> task;   // of a request that may run
};

void DataService::NoteRead(const PendingRead& read, const Status& status, int64_t now_ns) {
  const int64_t total_ns = now_ns - read.begun_ns;
  parts_.times->Add(read.request.table, RequestTimes::Kind::kRead, total_ns);
  const RowSet& rows = read.request.rows;
  const bool one = rows.ranges.empty() && rows.keys.size() == 1;
  const auto kind = one ? SlowRequest::Kind::kRead : SlowRequest::Kind::kScan;
  if (!parts_.slow->Wants(kind, total_ns, now_ns)) return;
  SlowRequest slow = SlowOf(kind, read.request.table, read.request.tablet, status);
  slow.ended_us = parts_.clock->WallMicros();
  slow.total_ns = total_ns;
  slow.row = read.request.resume_after;
  if (slow.row.empty()) {
    slow.row = !rows.keys.empty()     ? rows.keys.front()
               : !rows.ranges.empty() ? rows.ranges.front().start
                                      : "";
  }
  slow.rows = read.task->response().stats.rows;
  slow.trace = read.task->Trace(read.begun_ns, now_ns);
  parts_.slow->Add(std::move(slow), now_ns);
}

void DataService::FinishRead(PendingRead* read, const StatusOr<bool>& outcome) {
  const int64_t now_ns = parts_.clock->BootNanos();
  NoteRead(*read, outcome.status(), now_ns);
  if (absl::IsCancelled(outcome.status())) {
    dropped_reads_.fetch_add(1, std::memory_order_relaxed);
    if (!read->task->watch().cancelled()) {
      return read->reply.Error(absl::DeadlineExceededError("the time for the page is over"));
    }
  }
  if (!outcome.ok()) return read->reply.Error(outcome.status());
  if (Status lease = parts_.lease_check(); !lease.ok()) {
    return read->reply.Error(wire::NotServedError(lease.message(), nullptr));
  }
  read->task->AnswerWithTrace(read->begun_ns, now_ns);
  read->reply.Send(wire::Encode(read->task->response()));
}

PointTry DataService::ReadPoint(const net::RpcRequest& request, int64_t begun_ns,
                                net::RpcReply* reply) {
  wire::PointRequest point;
  if (request.watch.cancelled() || !wire::DecodePoint(request.body, &point)) {
    return PointTry::kNotTaken;
  }
  auto found = parts_.tablets->Find(point.tablet);
  if (!found.ok()) return PointTry::kNotTaken;
  const std::shared_ptr<storage::TabletStore> store = *std::move(found);
  if (!CheckTable(*store, point.table).ok() || !store->descriptor().Contains(point.row)) {
    return PointTry::kNotTaken;
  }
  PointSink sink(PointBytes(point));
  wire::ReadStats stats;
  const PointTry tried = TryPoint(store.get(), point, &sink, &stats);
  if (tried != PointTry::kRead) return tried;
  store->load().Add(point.row);
  NotePoint(point, stats, begun_ns);
  if (Status lease = parts_.lease_check(); !lease.ok()) {
    reply->Error(wire::NotServedError(lease.message(), nullptr));
  } else {
    reply->Send(wire::EncodePoint(point.row, sink.cells(), stats));
  }
  return PointTry::kRead;
}

// It ended where it began, on the io thread: all of its time went into memory.
void DataService::NotePoint(const wire::PointRequest& point, const wire::ReadStats& stats,
                            int64_t begun_ns) {
  const int64_t now_ns = parts_.clock->BootNanos();
  parts_.times->Add(point.table, RequestTimes::Kind::kRead, now_ns - begun_ns);
  if (!parts_.slow->Wants(SlowRequest::Kind::kRead, now_ns - begun_ns, now_ns)) return;
  SlowRequest slow = SlowOf(SlowRequest::Kind::kRead, point.table, point.tablet, OkStatus());
  slow.ended_us = parts_.clock->WallMicros();
  slow.total_ns = slow.trace.memory_ns = now_ns - begun_ns;
  slow.row = std::string(point.row);
  slow.rows = stats.rows;
  parts_.slow->Add(std::move(slow), now_ns);
}

void DataService::ReadRows(net::RpcRequest&& request, net::RpcReply&& reply) {
  const int64_t begun_ns = parts_.clock->BootNanos();
  if (Status late = CheckDeadline(request.deadline_boot_ns, begun_ns); !late.ok()) {
    return reply.Error(late);
  }
  auto ticket = parts_.admission->Admit(request.body.size() + kReadCharge);
  if (!ticket.ok()) return reply.Error(ticket.status());
  const PointTry point = ReadPoint(request, begun_ns, &reply);
  if (point == PointTry::kRead) return;
  auto read = std::make_shared<PendingRead>(std::move(reply), *std::move(ticket), begun_ns);
  if (Status bad = Begin(&request, read.get()); !bad.ok()) return read->reply.Error(bad);
  if (!read->task.has_value()) return;
  StatusOr<bool> outcome =
      point == PointTry::kBlocked ? read->task->Blocked(begun_ns) : read->task->Run(false);
  if (!outcome.ok() || *outcome) return FinishRead(read.get(), outcome);
  const bool system = IsSystemTablet(read->request.tablet);
  WorkPool* const pool = system ? parts_.system_disk_pool : parts_.disk_pool;
  Status handed = pool->Submit([this, read] {
    const net::SendsFromHere here;
    FinishRead(read.get(), read->task->Run(/*may_block=*/true));
  });
  if (handed.ok()) return;
  constexpr int64_t kRetryDelayMs = 20;
  read->reply.Error(wire::OverloadedError(handed.message(), kRetryDelayMs));
}

// Without a task it was answered.
Status DataService::Begin(net::RpcRequest* request, PendingRead* read) {
  wire::ReadRowsRequest& message = read->request;
  RETURN_IF_ERROR(wire::Decode(request->body, &message));
  if (message.release) {
    parts_.parked->Drop(message.tablet, message.cursor);
    read->reply.Send(wire::Encode(wire::ReadRowsResponse{.done = true}));
    return OkStatus();
  }
  RETURN_IF_ERROR(ValidateRowSet(message.rows));
  RETURN_IF_ERROR(ValidateSelection(message.selection));
  ASSIGN_OR_RETURN(std::shared_ptr<storage::TabletStore> store,
                   parts_.tablets->Find(message.tablet));
  RETURN_IF_ERROR(CheckTable(*store, message.table));
  // What a client takes for the tablet's may be another's since a split: it must hear of it.
  const auto outside =
      FirstRowOutside(message.rows, store->descriptor(), message.resume_after, message.reversed);
  if (outside.has_value()) return parts_.tablets->WrongTablet(message.table, *outside);
  CountRead(message, store.get());
  std::shared_ptr<const RowFilter> filter;
  if (!message.filter.empty()) {
    ASSIGN_OR_RETURN(filter, RowFilter::Compile(message.filter));
  }
  read->task.emplace(std::move(store), &message, std::move(filter),
                     ReadTaskParts{parts_.parked,
                                   parts_.clock,
                                   {std::move(request->peer), std::move(request->watch)},
                                   request->deadline_boot_ns});
  return OkStatus();
}

}  // namespace stele::tabletserver
