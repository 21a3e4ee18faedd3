#include "schema/model/mutation_cell.h"

#include "common/base/check.h"

namespace stele {
namespace {

struct Encoder {
  Slice row;
  const TableSchema& schema;
  Sequence sequence;
  MutationCell* cell;

  uint16_t Id(Slice family) const {
    const FamilySchema* found = schema.FindFamily(ToStd(family));
    CHECK(found != nullptr) << " mutation of unknown family " << family;
    return found->id;
  }
  void operator()(const SetCell& m) const {
    CHECK(m.timestamp_us != kServerTime) << " the timestamp is not decided";
    AppendSetKey(&cell->key, row, m.family, Id(m.family), m.qualifier, m.timestamp_us, sequence);
    cell->value = m.value;
  }
  void operator()(const DeleteFromColumn& m) const {
    AppendColumnMarkerKey(&cell->key, row, m.family, Id(m.family), m.qualifier, sequence);
    AppendMarkerRange(&cell->marker_range, m.start_us, m.end_us);
    cell->value = cell->marker_range;
  }
  void operator()(const DeleteFromFamily& m) const {
    AppendFamilyMarkerKey(&cell->key, row, m.family, Id(m.family), sequence);
  }
  void operator()(const DeleteFromRow&) const { AppendRowMarkerKey(&cell->key, row, sequence); }
  void operator()(const AddToCell& m) const { NotStored(m.family); }
  void operator()(const MergeToCell& m) const { NotStored(m.family); }
  void NotStored(Slice family) const {
    CHECK(false) << " an addition to " << family << " is stored as the sum it makes";
  }
};

}  // namespace

void EncodeMutation(Slice row, const Mutation& mutation, const TableSchema& schema,
                    Sequence sequence, MutationCell* cell) {
  cell->key.clear();
  cell->marker_range.clear();
  cell->value = Slice();
  std::visit(Encoder{row, schema, sequence, cell}, mutation);
}

}  // namespace stele
