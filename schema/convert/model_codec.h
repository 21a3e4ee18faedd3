// The pieces that several messages share: schemas, descriptors, locations, statuses, row sets.
// Internal to this folder. Put* fill a builder, Get* check limits and copy out. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "schema/convert/body.h"
#include "schema/convert/messages.h"
#include "schema/wire/data.capnp.h"
#include "schema/wire/model.capnp.h"

namespace stele::wire {

void PutSchema(schema::TableSchema::Builder to, const TableSchema& from);
Status GetSchema(schema::TableSchema::Reader from, const ReadLimits& limits, TableSchema* out);
void PutFamily(schema::Family::Builder to, const FamilySchema& from);
Status GetFamily(schema::Family::Reader from, const ReadLimits& limits, FamilySchema* out);
void PutGroups(List<schema::LocalityGroup>::Builder to,
               const std::vector<LocalityGroupSchema>& from);
Status GetGroups(List<schema::LocalityGroup>::Reader from, const ReadLimits& limits,
                 std::vector<LocalityGroupSchema>* out);

void PutTablet(schema::TabletDescriptor::Builder to, const TabletDescriptor& from);
Status GetTablet(schema::TabletDescriptor::Reader from, TabletDescriptor* out);

void PutRange(schema::RowRange::Builder to, const RowRange& from);
Status GetRange(schema::RowRange::Reader from, RowRange* out);
void PutRowSet(schema::RowSet::Builder to, const RowSet& from);
Status GetRowSet(schema::RowSet::Reader from, const ReadLimits& limits, RowSet* out);
void PutSelection(schema::ReadSelection::Builder to, const ReadSelection& from);
Status GetSelection(schema::ReadSelection::Reader from, const ReadLimits& limits,
                    ReadSelection* out);

void PutFilter(schema::Filter::Builder to, const Filter& from);
// Size, depth and every rule of ValidateFilter, before much is allocated.
Status GetFilter(schema::Filter::Reader from, const ReadLimits& limits, Filter* out);

Status GetLocation(Data::Reader from, TabletLocation* out);
Status GetStatus(Data::Reader from, Status* out);

void PutResult(schema::RowResult::Builder to, const RowResult& from);
Status GetResult(schema::RowResult::Reader from, RowResult* out);

void PutStrings(List<Data>::Builder to, const std::vector<std::string>& from);
Status GetStrings(List<Data>::Reader from, const ReadLimits& limits, size_t max_count,
                  size_t max_bytes, const char* what, std::vector<std::string>* out);

// Words of a struct of a list: its data and its pointers.
template <typename T>
constexpr size_t StructBytes() {
  return size_t{T::_capnpPrivate::dataWordSize + T::_capnpPrivate::pointerCount} * 8;
}
inline constexpr size_t kRootBytes = 256;  // of any root struct with its list tags

// An upper bound of the words of a Data of this size, its pointer not counted.
inline size_t DataBytes(size_t size) { return (size + 7) / 8 * 8; }

}  // namespace stele::wire
