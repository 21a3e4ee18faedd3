// VisibleFamilies: a table's families by name and id with their rules made ready, built once per
// schema and shared by reads and compactions. Immutable, thread-safe; owned by shared_ptr, pinned
// by whoever reads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tabletserver/storage/iterator/gc_policy.h"

namespace stele::storage {

class VisibleFamilies {
 public:
  struct Family {
    std::string name;
    uint16_t id;
    GcPolicy gc;
  };

  explicit VisibleFamilies(const TableSchema& schema) : next_family_id_(schema.next_family_id) {
    families_.reserve(schema.families.size());
    for (const FamilySchema& f : schema.families) {
      families_.push_back(Family{f.name, f.id, GcPolicy(f.gc)});
      any_age_rule_ |= families_.back().gc.judges_age();
    }
  }

  // Null when no family has both name and id: cells of a dropped family, or of an earlier one of
  // the same name, are invisible.
  const Family* Find(Slice name, uint16_t id) const {
    auto it = std::lower_bound(families_.begin(), families_.end(), name,
                               [](const Family& f, Slice n) { return Slice(f.name) < n; });
    return it != families_.end() && it->id == id && Slice(it->name) == name ? &*it : nullptr;
  }
  // Whether what is visible depends on the time.
  bool any_age_rule() const { return any_age_rule_; }
  const std::vector<Family>& all() const { return families_; }  // ascending by name
  // Whether this schema knows what became of the id: it was given out before.
  bool KnowsId(uint16_t id) const { return id < next_family_id_; }

 private:
  const uint16_t next_family_id_;
  std::vector<Family> families_;
  bool any_age_rule_ = false;
};

}  // namespace stele::storage
