// How one mutation is stored: the one place that turns the model's mutations into keys and values
// (cell_key.h). Pure, thread-safe.
#pragma once

#include <string>

#include "schema/model/cell_key.h"
#include "schema/model/model.h"

namespace stele {

// A stored mutation. `value` points into the mutation, or into `marker_range`.
struct MutationCell {
  std::string key;
  Slice value;
  std::string marker_range;
};

// Overwrites *cell with what `mutation` of `row` becomes under `sequence`. REQUIRES: valid
// (ValidateRowMutation with this schema), a SetCell's timestamp decided, not kServerTime, and no
// AddToCell or MergeToCell: what they make of the cell is stored by a SetCell.
void EncodeMutation(Slice row, const Mutation& mutation, const TableSchema& schema,
                    Sequence sequence, MutationCell* cell);

}  // namespace stele
