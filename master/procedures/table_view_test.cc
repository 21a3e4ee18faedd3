// Goal: what procedures see of a table when a server stops reporting: its tablets count as not
// serving, for nothing that it last said may be acted on.
#include "master/procedures/table_view.h"

#include <gtest/gtest.h>

#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "locker/embedded/embedded_locker.h"
#include "schema/convert/codec.h"

namespace stele::master {
namespace {

// Reports the catalog's tablet as open, or does not answer.
class ReportingClient : public net::RpcClient {
 public:
  void Call(const std::string&, uint16_t, net::Buffer, int64_t, Callback done) override {
    if (silent) return done(absl::DeadlineExceededError("no answer"));
    wire::ReportTabletsResponse report;
    report.server_id = "ts-1";
    report.incarnation = 7;
    wire::TabletReport& tablet = report.tablets.emplace_back();
    tablet.tablet = CatalogTabletDescriptor();
    tablet.epoch = 3;
    tablet.state = wire::TabletState::kOpen;
    done(wire::Encode(report));
  }
  StatusOr<net::Buffer> CallSync(const std::string&, uint16_t, net::Buffer, int64_t) override {
    return absl::UnimplementedError("not asked for");
  }
  bool silent = false;
};

TEST(TableView, ATabletServesOnlyWhileItsServerReports) {
  TempDir dir;
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(PosixFs(), dir.path(), /*create=*/true));
  ManualClock clock;
  ASSERT_OK_AND_ASSIGN(auto locker, OpenEmbeddedLocker(store.get(), &clock, {10'000'000'000}));
  ASSERT_OK_AND_ASSIGN(auto session, locker->OpenSession("test"));
  const ServerNode node{
      .server_id = "ts-1", .incarnation = 7, .address = "ts:1", .http_address = ""};
  TabletLocation catalog{.tablet = CatalogTabletDescriptor(),
                         .epoch = 3,
                         .assignment = TabletAssignment::kAssigned,
                         .server_id = node.server_id,
                         .incarnation = node.incarnation,
                         .address = node.address};
  ASSERT_OK(session->Create(kCatalogPath, EncodeTabletLocation(catalog)));
  ASSERT_OK(session->CreateEphemeral(absl::StrCat(kServersPath, "/ts-1"), EncodeServerNode(node))
                .status());

  ReportingClient client;
  Revision revision(1);
  TabletAccess access(&client, 1000);
  TabletDirectory tablets(session.get(), &access, &revision);
  ASSERT_OK(tablets.LoadFromLocker());
  ServerList servers(session.get(), &client, &clock, 1000);
  const ProcedureContext context{.tablets = &tablets, .servers = &servers};
  for (const bool silent : {false, true, false}) {
    client.silent = silent;
    ASSERT_OK(servers.Refresh());
    const std::vector<TabletView> views = ViewTable(context, kCatalogTable);
    ASSERT_EQ(views.size(), 1u);
    EXPECT_EQ(views[0].serving, !silent);
    EXPECT_EQ(views[0].report == nullptr, silent);
    EXPECT_EQ(views[0].server == nullptr, silent);
  }
}

}  // namespace
}  // namespace stele::master
