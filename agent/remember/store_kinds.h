// The two kinds of store behind store.h: a file of SQLite, and a database of PostgreSQL. Internal to the
// store.
#pragma once

#include "agent/remember/fleet.h"
#include "agent/remember/postgres.h"
#include "agent/remember/store_backend.h"
#include "agent/remember/table_records.h"

namespace stswatch::sql {

tl::expected<std::unique_ptr<Store>, std::string> open_file(const std::string& name, StoreOptions options);
tl::expected<EverythingStored, std::string> read_file(const std::string& file,
                                                      const std::set<std::string>& domains);
tl::expected<StoredHistory, std::string> read_file_history(const std::string& file,
                                                           const std::string& domain);
tl::expected<std::vector<std::string>, std::string> read_file_domain_names(const std::string& file);
tl::expected<KeyValues, std::string> read_file_key_values(const std::string& file, const std::string& table);
tl::expected<void, std::string> edit_file(const std::string& file, const Batch& batch);

}  // namespace stswatch::sql

namespace stswatch::pg {

tl::expected<std::unique_ptr<Store>, std::string> open_database(const std::string& url, StoreOptions options);
tl::expected<EverythingStored, std::string> read_database(const std::string& url,
                                                          const std::set<std::string>& domains);
tl::expected<StoredHistory, std::string> read_database_history(const std::string& url,
                                                               const std::string& domain);
tl::expected<std::vector<std::string>, std::string> read_database_domain_names(const std::string& url);
tl::expected<sql::KeyValues, std::string> read_database_key_values(const std::string& url,
                                                                   const std::string& table);
tl::expected<void, std::string> edit_database(const std::string& url, const Batch& batch);

/// From a file into a database that holds no records yet, and back into a new file; answers how many
/// domains.
tl::expected<std::size_t, std::string> copy(const std::string& from, const std::string& to);

// This agent's rows among those of the fleet. Internal to the store.

struct Member {
  std::string name, vantage;
  std::int64_t incarnation = 0;  // of this run, as the database counted
  std::shared_ptr<Leases> leases;
};

/// First in a transaction whose statements are to see one moment.
inline constexpr const char* kOneMoment = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";

/// `store` owns it and outlives its thread.
std::unique_ptr<Fleet> make_fleet(std::unique_ptr<Session> session, Member me, LiveStore& store);

FleetView view_of(Session& session);

/// The rows of second looks, within a transaction. Each write is fenced: it comes to nothing under another
/// epoch of the domain's shard, and of an agent that is taken for dead.
class SecondLookTable {
 public:
  SecondLookTable(Session& session, const Member& me) : session_(session), me_(me) {}

  SecondLooks read();
  void ask(const SecondLookAsked& asked, const SecondLook* before);
  void drop(const std::string& domain, std::int64_t epoch);
  bool take(const SecondLookAsked& asked);  // false: another has taken it
  void answer(const SecondLookAnswer& answer);

 private:
  Session& session_;
  const Member& me_;
};

}  // namespace stswatch::pg
