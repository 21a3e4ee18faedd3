// Random valid filters, and random rows that they tell apart: few names, short values, many equal
// ones. For the tests of everything that takes a filter. Pure but for the generator.
#pragma once

#include "common/testing/seeded_random.h"
#include "schema/model/filter.h"

namespace stele {

// At most `depth` deep (at least 1); ValidateFilter is OK with it.
Filter RandomFilter(SeededRandom* random, int depth);
// Up to `cells` cells of the families a, b, ab, in order, all identities distinct.
Row RandomRow(SeededRandom* random, size_t cells);

}  // namespace stele
