#include "agent/remember/postgres.h"

#include <libpq-fe.h>
#include <sys/socket.h>
#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <pqxx/pqxx>
#include <thread>
#include <vector>

#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch::pg {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kConnect = "5";               // seconds, for each address of the server
constexpr std::size_t kWaiting = 1U << 20U;  // octets of statements that are sent together
// The server's bounds. An agent that is stopped within a transaction must not hold its rows.
std::string bounds(std::chrono::seconds patience) {
  return "SET LOCAL statement_timeout = '" + std::to_string(patience.count() * 2 / 3) +
         "s'; SET LOCAL lock_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '" +
         std::to_string(patience.count() / 6) + "s'";
}
constexpr unsigned kByteArray = 17;  // its type's number in pg_type

/// Text that PostgreSQL does not take as it is (octets that are no UTF-8, NUL) is written in hexadecimal
/// after a character that nobody uses.
constexpr std::string_view kMark = "\xEE\x80\x80";  // U+E000

std::string hex(std::string_view octets) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * octets.size());
  for (const char c : octets) {
    out += kDigits[static_cast<unsigned char>(c) >> 4U];
    out += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

std::string from_hex(std::string_view digits) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; };
  std::string out;
  out.reserve(digits.size() / 2);
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(value(digits[i]) * 16 + value(digits[i + 1]));
  return out;
}

std::string storable(std::string_view text) {
  const bool plain =
      text.find('\0') == text.npos && !text.starts_with(kMark) && stswatch::text::is_utf8(text);
  return plain ? std::string(text) : std::string(kMark) + hex(text);
}

std::string restored(std::string_view stored) {
  return stored.starts_with(kMark) ? from_hex(stored.substr(kMark.size())) : std::string(stored);
}

/// "a ? b ?2" into what stands between the parameters, and which they are.
struct Parsed {
  std::vector<std::string> pieces{1};
  std::vector<std::size_t> order;
};

Parsed parse(std::string_view text) {
  Parsed out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '?') {
      out.pieces.back() += text[i];
      continue;
    }
    std::size_t which = out.order.size();
    if (i + 1 < text.size() && text[i + 1] >= '1' && text[i + 1] <= '9')
      which = static_cast<std::size_t>(text[++i] - '1');
    out.order.push_back(which);
    out.pieces.emplace_back();
  }
  return out;
}

struct Option {
  std::string name, value;
};

std::vector<Option> options_of(const std::string& url) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(url.c_str(), nullptr), PQconninfoFree);
  std::vector<Option> out;
  for (const auto* option = parsed.get(); option != nullptr && option->keyword != nullptr; ++option)
    if (option->val != nullptr) out.push_back({option->keyword, option->val});
  return out;
}

std::string value_of(const std::vector<Option>& options, std::string_view name) {
  const auto it = std::ranges::find(options, name, &Option::name);
  return it == options.end() ? std::string() : it->value;
}

std::string in_words(const std::vector<Option>& options) {
  std::string out = "postgresql://";
  if (const auto user = value_of(options, "user"); !user.empty()) out += user + "@";
  auto host = value_of(options, "host"), port = value_of(options, "port");
  host.erase(0, host.rfind('@') + 1);  // of a password with an "@" that is not written %40
  out += host + (port.empty() ? "" : ":" + port) + "/" + value_of(options, "dbname");
  return printable(out, 200);
}

/// Passwords as the URL spells them, and as libpq reads them.
Secrets secrets_of(std::string_view url, const std::vector<Option>& options) {
  Secrets out;
  const auto add_between = [&](std::string_view begin, std::string_view end, std::string_view within) {
    if (const auto at = within.find(begin); at != within.npos) {
      const auto rest = within.substr(at + begin.size());
      out.add(rest.substr(0, rest.find_first_of(end)));
    }
  };
  const auto authority = url.substr(url.find("//") + 2);
  const auto login = authority.substr(0, authority.find_first_of("/?"));
  if (const auto at = login.rfind('@'); at != login.npos) add_between(":", "", login.substr(0, at));
  const auto host = value_of(options, "host");
  if (const auto at = host.rfind('@'); at != host.npos) out.add(host.substr(0, at));
  for (const auto* name : {"password", "sslpassword"}) {
    add_between(std::string(1, '?') + name + '=', "&", url);
    add_between(std::string(1, '&') + name + '=', "&", url);
    if (const auto read = value_of(options, name); read.size() >= Secrets::kTelling) out.add(read);
  }
  return out;
}

std::string conninfo_of(std::vector<Option> options) {
  constexpr std::array<std::pair<const char*, const char*>, 7> kDefaults{{{"connect_timeout", kConnect},
                                                                          {"application_name", "stswatch"},
                                                                          {"client_encoding", "UTF8"},
                                                                          {"keepalives_idle", "10"},
                                                                          {"keepalives_interval", "5"},
                                                                          {"keepalives_count", "3"},
                                                                          {"tcp_user_timeout", "15000"}}};
  for (const auto& [name, value] : kDefaults)
    if (value_of(options, name).empty()) options.push_back({name, value});
  std::string out;
  for (const auto& [name, value] : options) {
    out += name + "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    out += "' ";
  }
  return out;
}

std::string first_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return printable(text, 300);
}

/// Cuts the connection when a transaction takes longer than its deadline: libpq itself waits for ever.
class Watchdog {
 public:
  Watchdog() : thread_([this](const std::stop_token& stop) { watch(stop); }) {}

  void arm(int socket, Clock::duration patience) {
    const std::lock_guard lock(mutex_);
    socket_ = socket;
    due_ = Clock::now() + patience;
    changed_.notify_all();
  }
  void disarm() {
    const std::lock_guard lock(mutex_);
    due_.reset();
  }

 private:
  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      if (!due_) {
        changed_.wait(lock, stop, [this] { return due_.has_value(); });
        continue;
      }
      const auto due = *due_;
      changed_.wait_until(lock, stop, due, [&] { return due_ != due; });
      if (due_ != due || Clock::now() < due) continue;
      ::shutdown(socket_, SHUT_RDWR);
      due_.reset();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Clock::time_point> due_;  // guarded by mutex_, as is the socket
  int socket_ = -1;
  std::jthread thread_;  // last
};

}  // namespace

bool is_url(std::string_view state) {
  return state.starts_with("postgresql://") || state.starts_with("postgres://");
}

std::string shown(const std::string& url) { return is_url(url) ? in_words(options_of(url)) : url; }

struct Session::Connection {
  explicit Connection(const std::string& conninfo) : raw(conninfo), quiet(raw) {}

  pqxx::connection raw;
  pqxx::quiet_errorhandler quiet;  // else notices go to standard error
  Watchdog watchdog;
  std::optional<pqxx::work> work;  // ends before the connection does
};

class Session::Statement : public sql::Statement {
 public:
  explicit Statement(Parsed parsed) : parsed_(std::move(parsed)) {}

  std::int64_t integer(int column) const override {
    const auto& field = row_[static_cast<std::size_t>(column)];
    return field ? std::strtoll(field->c_str(), nullptr, 10) : 0;
  }
  std::string_view text(int column) const override {
    const auto& field = row_[static_cast<std::size_t>(column)];
    return field ? std::string_view(*field) : std::string_view();
  }
  bool null(int column) const override { return !row_[static_cast<std::size_t>(column)]; }

  /// With every parameter as a literal.
  std::string whole(pqxx::connection& quoting) const {
    std::string out = parsed_.pieces.front();
    for (std::size_t i = 0; i < parsed_.order.size(); ++i) {
      const auto& value = bound_.at(parsed_.order[i]);
      out += value.quoted ? quoting.quote(value.text) : value.text;
      out += parsed_.pieces[i + 1];
    }
    return out;
  }

  bool next() {
    if (!rows_ || at_ >= rows_->size()) return false;
    const pqxx::row row = (*rows_)[at_++];
    row_.clear();
    for (const auto& field : row) {
      if (field.is_null()) {
        row_.emplace_back();
        continue;
      }
      const std::string_view text(field.c_str(), field.size());
      row_.emplace_back(field.type() == kByteArray ? from_hex(text.substr(2)) : restored(text));
    }
    return true;
  }
  bool ran() const { return rows_.has_value(); }
  void take(pqxx::result rows) { rows_ = std::move(rows); }
  void clear() {
    rows_.reset();
    at_ = 0;
    bound_.clear();
  }

 private:
  struct Value {
    std::string text;
    bool quoted = false;
  };
  void put_integer(std::int64_t value) override { bound_.push_back({std::to_string(value), false}); }
  void put_text(std::string_view text) override { bound_.push_back({storable(text), true}); }
  void put_octets(std::string_view octets) override {
    bound_.push_back({"decode('" + hex(octets) + "', 'hex')", false});
  }
  void put_null() override { bound_.push_back({"NULL", false}); }

  const Parsed parsed_;
  std::vector<Value> bound_;
  std::optional<pqxx::result> rows_;
  pqxx::result::size_type at_ = 0;
  std::vector<std::optional<std::string>> row_;
};

tl::expected<std::unique_ptr<Session>, std::string> Session::make(const std::string& url,
                                                                  std::chrono::seconds patience) {
  const auto options = options_of(url);
  if (options.empty())
    return tl::make_unexpected(
        "the store's address is none that PostgreSQL's libpq understands: write "
        "postgresql://USER@HOST/NAME, and the password into the file that PGPASSFILE names");
  return std::unique_ptr<Session>(
      new Session(conninfo_of(options), in_words(options), secrets_of(url, options), patience));
}

Session::Session(std::string conninfo, std::string server, Secrets secrets, std::chrono::seconds patience)
    : conninfo_(std::move(conninfo)),
      server_(std::move(server)),
      secrets_(std::move(secrets)),
      patience_(patience) {}

Session::~Session() = default;

void Session::note(sql::Trouble::Kind kind, std::string text) {
  if (trouble_) return;
  trouble_ = sql::Trouble{kind, first_line(secrets_.hide(text))};
}

/// What libpqxx throws becomes trouble; a connection that broke is let go.
template <class Act>
void Session::guarded(Act act) {
  using Kind = sql::Trouble::Kind;
  try {
    act();
    return;
  } catch (const pqxx::broken_connection& e) {
    note(Kind::cannot_open, e.what());
  } catch (const pqxx::in_doubt_error& e) {
    note(Kind::cannot_open, e.what());
  } catch (const pqxx::sql_error& e) {
    const bool full = e.sqlstate() == "53100", locked = e.sqlstate() == "55P03" || e.sqlstate() == "57014";
    const bool forbidden = e.sqlstate() == "42501" || e.sqlstate() == "25006";
    const bool again = e.sqlstate() == "40P01" || e.sqlstate() == "40001" || e.sqlstate() == "23505";
    note(full              ? Kind::full
         : forbidden       ? Kind::read_only
         : locked || again ? Kind::busy
                           : Kind::other,
         e.what());
  } catch (const std::exception& e) {
    note(Kind::other, e.what());
  }
  if (connection_ && !connection_->raw.is_open()) connection_.reset();
}

void Session::connect() {
  if (connection_) return;
  statements_.clear();
  guarded([&] {
    connection_ = std::make_unique<Connection>(conninfo_);
    if (connection_->raw.sock() < 0) throw pqxx::broken_connection("no connection");
  });
}

void Session::begin() {
  trouble_.reset();
  waiting_.clear();
  const bool kept = connection_ != nullptr;
  for (const bool last : {!kept, true}) {
    connect();
    guarded([&] {
      if (!ok()) return;
      connection_->watchdog.arm(connection_->raw.sock(), patience_);
      connection_->work.emplace(connection_->raw);
      // To begin on a connection that has died libpqxx makes another one.
      connection_->watchdog.arm(connection_->raw.sock(), patience_);
      connection_->work->exec(bounds(patience_));
    });
    if (ok() || last) return;
    trouble_.reset();  // one that was kept may have died meanwhile
    connection_.reset();
  }
}

tl::expected<void, sql::Trouble> Session::end() {
  if (ok()) send_waiting();
  guarded([&] {
    if (connection_ && connection_->work && ok()) connection_->work->commit();
  });
  if (connection_) {
    guarded([&] { connection_->work.reset(); });
    if (connection_) connection_->watchdog.disarm();
  }
  if (connection_ && !connection_->raw.is_open()) connection_.reset();
  for (auto& [_, statement] : statements_)
    statement->clear();
  waiting_.clear();
  if (ok()) return {};
  return tl::make_unexpected(*std::exchange(trouble_, std::nullopt));
}

sql::Statement* Session::prepare(std::string_view text) {
  if (trouble_) return nullptr;
  auto& statement = statements_[std::string(text)];
  if (!statement) statement = std::make_unique<Statement>(parse(text));
  return statement.get();
}

void Session::send_waiting() {
  if (waiting_.empty() || trouble_) return;
  guarded([&] { connection_->work->exec(waiting_); });
  waiting_.clear();
}

bool Session::step(sql::Statement& statement) {
  auto& ours = static_cast<Statement&>(statement);
  if (!ours.ran()) {
    send_waiting();
    if (trouble_) return false;
    guarded([&] { ours.take(connection_->work->exec(ours.whole(connection_->raw))); });
  }
  return !trouble_ && ours.next();
}

void Session::finish(sql::Statement& statement) {
  if (trouble_) return;
  guarded([&] {
    waiting_ += static_cast<Statement&>(statement).whole(connection_->raw);
    waiting_ += ";\n";
  });
  if (waiting_.size() > kWaiting) send_waiting();
}

void Session::reset(sql::Statement& statement) { static_cast<Statement&>(statement).clear(); }

void Session::script(const std::string& text) {
  if (!trouble_) waiting_ += text + ";\n";
}

void Session::make_wanted() { script("CREATE TEMP TABLE wanted (id BIGINT PRIMARY KEY) ON COMMIT DROP"); }

std::string Session::explain(const sql::Trouble& trouble) const {
  const std::string store = "the store " + server_;
  switch (trouble.kind) {
    case sql::Trouble::Kind::cannot_open:
      return store + " cannot be reached (" + trouble.text + "): see that the server runs and lets us in";
    case sql::Trouble::Kind::full:
      return "the disk of " + store + " is full: make room on it";
    case sql::Trouble::Kind::read_only:
      return store + " lets us not write (" + trouble.text +
             "): name its primary server, and give the user its tables";
    case sql::Trouble::Kind::busy:
      return store + " is busy (" + trouble.text + "): it is tried again";
    case sql::Trouble::Kind::not_ours:
    case sql::Trouble::Kind::damaged:
      return store + " holds what is not understood (" + trouble.text + "): it was left as it is";
    case sql::Trouble::Kind::failing:
    case sql::Trouble::Kind::other:
      break;
  }
  return store + " refuses it (" + trouble.text + ")";
}

}  // namespace stswatch::pg
