// MetadataRows: the METADATA table of a cell of several processes, made anew from the manifests of
// its tablets: for when root or METADATA tablets are lost. Offline: no master and no server of the
// cell runs. The catalog, which has the tables' schemas, must be there.
//
// Every tablet's manifest says whose rows it has, under which epoch: a split or a merge is
// committed by manifests, so they tile each table. What is between two steps is finished by the
// next master, as after a crash.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/fault/fault.h"
#include "common/store/blob_store.h"
#include "common/time/clock.h"
#include "schema/metadata/metadata.h"
#include "tabletserver/storage/manifest/manifest.h"

namespace stele::deploy {

struct MetadataRows {
  std::vector<TabletLocation> locations;  // of tables of users, without owners, in key order
  std::vector<std::string> gaps;          // rows that no manifest has, a sentence each
};

// Pure.
MetadataRows PlanMetadataRows(const std::map<TabletId, storage::Manifest>& manifests);

// The manifests of all tablets but those of METADATA. DataLoss: one does not read.
// FailedPrecondition: the store is not of a cell of several processes, or the catalog is lost.
StatusOr<std::map<TabletId, storage::Manifest>> ReadTabletManifests(BlobStore* store);

// Deletes what is left of METADATA, recovers all logs (what they hold of METADATA is dropped), and
// writes root and first METADATA tablet. FailedPrecondition: there are gaps. What was cut off is
// done again from the beginning. `logs`: all that the store holds (ListPosixLogs). `faults` may be
// null.
Status RebuildMetadata(BlobStore* store, Clock* clock, FaultInjector* faults,
                       const std::vector<std::string>& logs);

}  // namespace stele::deploy
