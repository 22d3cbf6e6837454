// PostgreSQL behind the same statements as SQLite: one connection, made anew when it broke, and transactions
// that end by a deadline whatever the network does. Nothing outlives a transaction on the server (no named
// statements, no session settings, no session locks), so that any of a pooler's connections will do. What no
// row is awaited of is sent together. One thread at a time; the password is in no message.
#pragma once

#include <chrono>
#include <memory>
#include <unordered_map>

#include "agent/remember/tables.h"
#include "checks/facts/configured.h"

namespace stswatch::pg {

/// "postgresql://…" or "postgres://…", as libpq has it (PostgreSQL, 34.1.1.2 Connection URIs).
bool is_url(std::string_view state);
/// "postgresql://user@host/name": who is asked, without what is secret.
std::string shown(const std::string& url);

/// For what reads or copies all there is.
inline constexpr std::chrono::seconds kPatient{1800};

class Session : public sql::Tables {
 public:
  /// Connects at the first transaction. The error is of the URL itself.
  static tl::expected<std::unique_ptr<Session>, std::string> make(
      const std::string& url, std::chrono::seconds patience = std::chrono::seconds{30});
  ~Session() override;

  /// All of what `work` runs, or nothing. Where the connection breaks while it is being ended nobody knows
  /// which: that is told as trouble, and what is run again must bear it.
  template <class Work>
  tl::expected<void, sql::Trouble> transaction(Work work) {
    begin();
    if (ok()) work();
    return end();
  }
  /// The transaction comes to nothing.
  void refuse(const std::string& why) { note(sql::Trouble::Kind::busy, why); }

  void script(const std::string& text) override;
  void make_wanted() override;
  /// The server that it was last connected to, without what is secret.
  const std::string& server() const { return server_; }
  /// What the database complains of, and how to mend it.
  std::string explain(const sql::Trouble& trouble) const;

 private:
  struct Connection;
  class Statement;
  Session(std::string conninfo, std::string server, Secrets secrets, std::chrono::seconds patience);
  sql::Statement* prepare(std::string_view text) override;
  bool step(sql::Statement& statement) override;
  void finish(sql::Statement& statement) override;
  void reset(sql::Statement& statement) override;
  void begin();
  tl::expected<void, sql::Trouble> end();
  void connect();
  void send_waiting();
  template <class Act>
  void guarded(Act act);
  void note(sql::Trouble::Kind kind, std::string text);

  const std::string conninfo_, server_;
  const Secrets secrets_;
  const std::chrono::seconds patience_;  // with a transaction
  std::unique_ptr<Connection> connection_;
  std::string waiting_;  // statements that nobody awaits rows of
  std::unordered_map<std::string, std::unique_ptr<Statement>> statements_;
};

/// Step i brings version i to i + 1; taken under a lock of the transaction, so that agents that start
/// together do not take them twice.
tl::expected<void, std::string> take_up(Session& session);
/// Refuses what another program or a newer version made, and what is not there.
tl::expected<void, std::string> look_whether_ours(Session& session);

}  // namespace stswatch::pg
