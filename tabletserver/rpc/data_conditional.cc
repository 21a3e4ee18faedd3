// ReadModifyWriteRow and CheckAndMutateRow: one row, one change, answered when it is durable.
#include <atomic>
#include <memory>
#include <utility>

#include "schema/convert/codec.h"
#include "schema/convert/error_payload.h"
#include "tabletserver/filter/row_filter.h"
#include "tabletserver/rpc/data_service.h"

namespace stele::tabletserver {
namespace {

// A row in the engine, for the filter's passes over it.
class StateRow : public RepeatableRow {
 public:
  explicit StateRow(storage::RowState* state) : state_(state) {}
  Status Read(const std::function<bool(const CellView&)>& take) override {
    Sink sink(take);
    return state_->Read({}, &sink);
  }

 private:
  class Sink : public storage::RowSink {
   public:
    explicit Sink(const std::function<bool(const CellView&)>& take) : take_(take) {}
    void StartRow(Slice) override {}
    void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
      if (wanted_) wanted_ = take_({family, qualifier, timestamp_us, value, {}});
    }
    bool EndRow() override { return true; }

   private:
    const std::function<bool(const CellView&)>& take_;
    bool wanted_ = true;
  };

  storage::RowState* const state_;
};

class FilterPredicate : public storage::RowPredicate {
 public:
  FilterPredicate(std::shared_ptr<const RowFilter> filter, uint64_t sample_seed)
      : filter_(std::move(filter)), sample_seed_(sample_seed) {}
  StatusOr<bool> Matches(Slice row, storage::RowState* state) override {
    RowFilterRun run(filter_, sample_seed_);
    StateRow cells(state);
    return FilterYieldsCell(&run, row, &cells);
  }

 private:
  const std::shared_ptr<const RowFilter> filter_;
  const uint64_t sample_seed_;
};

// Null for an empty filter: the engine asks whether the row has a cell.
StatusOr<std::shared_ptr<storage::RowPredicate>> MakePredicate(const Filter& filter,
                                                               const RequestId& id) {
  if (filter.empty()) return std::shared_ptr<storage::RowPredicate>();
  ASSIGN_OR_RETURN(std::shared_ptr<const RowFilter> compiled, RowFilter::Compile(filter));
  return std::make_shared<FilterPredicate>(std::move(compiled), id.client_id ^ id.sequence);
}

}  // namespace

// A change under way: who is answered, and the bytes that it was admitted with.
struct DataService::PendingChange {
  PendingChange(net::RpcReply r, net::Buffer body, Admission::Ticket t, int64_t begun)
      : reply(std::move(r)), request(std::move(body)), ticket(std::move(t)), begun_ns(begun) {}
  net::RpcReply reply;
  const net::Buffer request;  // read again when it was slow
  Admission::Ticket ticket;
  const int64_t begun_ns;
  std::atomic<int64_t> queued_ns{0};  // for the log
};

// Decodes, admits and finds the tablet; on an error the caller was answered.
template <typename Message>
std::shared_ptr<DataService::PendingChange> DataService::BeginChange(
    net::RpcRequest* request, net::RpcReply reply, Message* message,
    std::shared_ptr<storage::TabletStore>* store) {
  const int64_t begun_ns = parts_.clock->BootNanos();
  Status status = CheckDeadline(request->deadline_boot_ns, begun_ns);
  StatusOr<Admission::Ticket> ticket = Admission::Ticket();
  if (status.ok()) {
    ticket = parts_.admission->Admit(request->body.size());
    status = ticket.status();
  }
  if (status.ok()) status = wire::Decode(request->body, message);
  if (status.ok()) {
    auto found = parts_.tablets->Find(message->tablet);
    status = found.ok() ? CheckTable(**found, message->table) : found.status();
    if (status.ok()) *store = *std::move(found);
  }
  if (status.ok() && !message->row.empty() && !(*store)->descriptor().Contains(message->row)) {
    status =
        wire::NotServedError(absl::StrCat("the row is not in tablet ", message->tablet), nullptr);
  }
  if (!status.ok()) {
    reply.Error(status);
    return nullptr;
  }
  return std::make_shared<PendingChange>(std::move(reply), std::move(request->body),
                                         *std::move(ticket), begun_ns);
}

void DataService::ReadModifyWriteRow(net::RpcRequest&& request, net::RpcReply&& reply) {
  wire::ReadModifyWriteRowRequest message;
  std::shared_ptr<storage::TabletStore> store;
  auto change = BeginChange(&request, std::move(reply), &message, &store);
  if (change == nullptr) return;
  store->load().Add(message.row, /*write=*/true);
  parts_.progress->Begin();
  Status queued = store->ReadModifyWrite(
      message.row, message.rules, {message.id, request.deadline_boot_ns},
      [this, change, table = message.table](StatusOr<Row> row) {
        parts_.progress->End();
        NoteChange<wire::ReadModifyWriteRowRequest>(SlowRequest::Kind::kConditional, table,
                                                    change->request, change->begun_ns,
                                                    change->queued_ns, row.status());
        wire::ReadModifyWriteRowResponse response{ResultOf(row.status()), {}};
        if (row.ok()) response.row = *std::move(row);
        AnswerChange(&change->reply, wire::Encode(response));
      });
  change->queued_ns = parts_.clock->BootNanos();
  if (queued.ok()) return;
  parts_.progress->End();
  change->reply.Send(wire::Encode(wire::ReadModifyWriteRowResponse{ResultOf(queued), {}}));
}

void DataService::CheckAndMutateRow(net::RpcRequest&& request, net::RpcReply&& reply) {
  wire::CheckAndMutateRowRequest message;
  std::shared_ptr<storage::TabletStore> store;
  auto change = BeginChange(&request, std::move(reply), &message, &store);
  if (change == nullptr) return;
  store->load().Add(message.row, /*write=*/true);
  auto predicate = MakePredicate(message.predicate, message.id);
  if (!predicate.ok()) return change->reply.Error(predicate.status());
  parts_.progress->Begin();
  Status queued = store->CheckAndMutate(
      message.row, *std::move(predicate), std::move(message.if_true), std::move(message.if_false),
      {message.id, request.deadline_boot_ns},
      [this, change, table = message.table](StatusOr<bool> matched) {
        parts_.progress->End();
        NoteChange<wire::CheckAndMutateRowRequest>(SlowRequest::Kind::kConditional, table,
                                                   change->request, change->begun_ns,
                                                   change->queued_ns, matched.status());
        AnswerChange(&change->reply, wire::Encode(wire::CheckAndMutateRowResponse{
                                         ResultOf(matched.status()), matched.ok() && *matched}));
      });
  change->queued_ns = parts_.clock->BootNanos();
  if (queued.ok()) return;
  parts_.progress->End();
  change->reply.Send(wire::Encode(wire::CheckAndMutateRowResponse{ResultOf(queued), false}));
}

}  // namespace stele::tabletserver
