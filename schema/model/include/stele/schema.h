/// @file
/// The shape of a table: families, their garbage collection, locality groups. Plain values;
/// thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stele/model.h"

namespace stele {

/// Garbage collection of a family: a cell may go when the rule says so. What may go is hidden from
/// reads at once and leaves the disk at a compaction. At most 500 bytes encoded.
struct GcRule {
  /// What the rule is made of.
  enum class Kind {
    kNone,         ///< keeps everything
    kMaxVersions,  ///< cells beyond the newest `max_versions` of a column go
    kMaxAge,       ///< cells older than `max_age_us` go
    kUnion,        ///< a cell goes when any of `rules` says so
    kIntersection  ///< a cell goes when all of `rules` say so
  };
  Kind kind = Kind::kNone;                         ///< decides which of the fields below count
  int32_t max_versions = 0;                        ///< >= 1
  int64_t max_age_us = 0;                          ///< microseconds, >= 1000
  std::vector<GcRule> rules;                       ///< at least 1, of a union or intersection
  bool operator==(const GcRule&) const = default;  ///< by all fields
};

/// Compression of a locality group's files.
enum class Codec : uint8_t {
  kNone = 0,    ///< stored as it is
  kSnappy = 1,  ///< Snappy
  kLz4 = 2,     ///< LZ4
  kZstd = 3     ///< Zstandard
};

/// Families that are stored together, in files of their own.
struct LocalityGroupSchema {
  std::string name;                  ///< as a family name
  Codec codec = Codec::kLz4;         ///< of its blocks
  uint32_t block_bytes = 64 * 1024;  ///< of a block before compression, about
  uint32_t bloom_bits_per_key = 10;  ///< 0: no filter
  bool bloom_columns = false;        ///< the filter also knows (row, column)
  bool in_memory = false;            ///< its blocks stay in memory once read
  bool operator==(const LocalityGroupSchema&) const = default;  ///< by all fields
};

/// What the cells of a family are.
enum class Aggregate : uint8_t {
  kNone = 0,  ///< any bytes
  kSum = 1,   ///< int64, 8 bytes big-endian: the sum, which wraps, of what was added
  kMin = 2,   ///< int64, 8 bytes big-endian: the least of what was added
  kMax = 3    ///< int64, 8 bytes big-endian: the greatest of what was added
};

/// A column family.
struct FamilySchema {
  std::string name;                        ///< `[-_.a-zA-Z0-9]+`, at most 64 bytes
  uint16_t id = 0;                         ///< the cell's choice; a family made anew has another
  std::string locality_group = "default";  ///< of the table's groups
  GcRule gc;                               ///< what of it may go
  Aggregate aggregate = Aggregate::kNone;  ///< never changes
  bool operator==(const FamilySchema&) const = default;  ///< by all fields
};

/// A table's schema. Admin::CreateTable reads name, families, groups, split_bytes and
/// deletion_protection of it; the rest is the cell's choice.
struct TableSchema {
  std::string name;                         ///< `[_a-zA-Z0-9][-_.a-zA-Z0-9]*`, at most 50 bytes
  TableId id = 0;                           ///< never used again
  uint64_t version = 0;                     ///< grows by 1 with each change
  uint16_t next_family_id = 1;              ///< of the next family
  std::vector<FamilySchema> families;       ///< ascending by name; at most 100
  std::vector<LocalityGroupSchema> groups;  ///< "default" is made when it is not given
  uint64_t split_bytes = 200u << 20;        ///< size at which a tablet splits
  bool deletion_protection = false;         ///< the table cannot be dropped while it is set

  /// The family of that name; nullptr when there is none. Points into this schema.
  const FamilySchema* FindFamily(std::string_view family) const;
  /// The locality group of that name; nullptr when there is none. Points into this schema.
  const LocalityGroupSchema* FindGroup(std::string_view group) const;
  bool operator==(const TableSchema&) const = default;  ///< by all fields
};

}  // namespace stele
