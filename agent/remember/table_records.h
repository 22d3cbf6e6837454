// Records into tables and back. Lists of memory are table rows: one column for each field that saved_fields.h
// names. Nothing in the file is trusted: what cannot be read is told with its place. Internal to the store.
#pragma once

#include <string>
#include <vector>

#include "agent/remember/saved_reader.h"
#include "agent/remember/store_backend.h"
#include "agent/remember/tables.h"
#include "checks/facts/text.h"

namespace stswatch::sql {

/// Runs inside the caller's transaction; the database keeps what goes wrong.
void write(Tables& db, const Batch& batch);

/// All, or (with `domains`) what belongs to these and their MX hosts. Says "the policies of example.com:
/// mode: ..." of a value that cannot be, and nothing of what the database itself complains of.
tl::expected<EverythingStored, std::string> read_all(Tables& db, const std::set<std::string>* domains);
/// So too of these subjects, by id, and without the small texts.
tl::expected<EverythingStored, std::string> read_subjects(Tables& db, const std::vector<std::int64_t>& ids);

/// What was of one domain; empty where nothing is kept of it.
tl::expected<StoredHistory, std::string> read_history(Tables& db, const std::string& domain);

/// The domains that something is remembered of.
std::vector<std::string> read_domain_names(Tables& db);

using KeyValues = std::map<std::string, std::string>;
KeyValues read_key_values(Tables& db, const std::string& table);

/// Looks that changed something, and history, from before these times; answers how many rows went.
std::int64_t drop_old(Tables& db, const std::string& looks, const std::string& history);
/// For want of room: raw looks first, then what was told, never what a cache may hold.
std::int64_t drop_oldest(Tables& db);
/// Those that no look has any more.
void drop_facts(Tables& db);

template <class T>
inline constexpr const char* kTable = nullptr;
template <>
inline constexpr const char* kTable<SeenPolicy> = "policies";
template <>
inline constexpr const char* kTable<SeenId> = "ids";
template <>
inline constexpr const char* kTable<SeenHost> = "mx_hosts";
template <>
inline constexpr const char* kTable<SeenCertificate> = "certificates";
template <>
inline constexpr const char* kTable<Incident> = "incidents";
template <>
inline constexpr const char* kTable<Change> = "changes";

/// "id, ttl, first_seen, gone".
class ColumnNames {
 public:
  static constexpr bool kWrites = true;
  template <class F>
  void operator()(const char* name, const F&) {
    text::add(text, ", ", name);
    marks += text == name ? "?" : ", ?";
  }
  template <class F>
  void always(const char* name, const F& value) {
    (*this)(name, value);
  }
  template <class F>
  void octets(const char* name, const F& value) {
    (*this)(name, value);
  }
  std::string text, marks;
};

template <class T>
const ColumnNames& columns_of() {
  static const ColumnNames names = [] {
    ColumnNames out;
    const T row{};
    saved::describe(out, row);
    return out;
  }();
  return names;
}

class RowWriter {
 public:
  static constexpr bool kWrites = true;
  explicit RowWriter(Statement& statement) : statement_(statement) {}

  template <class F>
  void operator()(const char*, const F& value) {
    put(value);
  }
  template <class F>
  void always(const char*, const F& value) {
    put(value);
  }
  template <class F>
  void octets(const char*, const F& value) {
    put(value);
  }

 private:
  template <class F>
  void put(const F& value) {
    if constexpr (requires { saved::Words<F>::kAll; }) {
      for (const auto& [known, word] : saved::Words<F>::kAll)
        if (known == value) statement_.bind(word);
    } else if constexpr (std::is_integral_v<F>) {
      statement_.bind(value);
    } else {
      statement_.bind(saved::column(value));
    }
  }
  void put(const std::string& value) { statement_.bind(value); }
  void put(const TimePoint& value) { statement_.bind(to_utc(value)); }
  void put(const std::optional<TimePoint>& value) {
    if (value)
      put(*value);
    else
      statement_.bind(nullptr);
  }

  Statement& statement_;
};

class RowReader {
 public:
  static constexpr bool kWrites = false;
  RowReader(const Statement& row, int first, const saved::Place& place, saved::Fault& fault)
      : row_(row), column_(first), place_(place), fault_(fault) {}

  template <class F>
  void operator()(const char* name, F& value) {
    const int column = column_++;
    if (!fault_) get(column, value, {&place_, name});
  }
  template <class F>
  void always(const char* name, F& value) {
    (*this)(name, value);
  }
  template <class F>
  void octets(const char* name, F& value) {
    (*this)(name, value);
  }

 private:
  template <class F>
  void get(int column, F& value, const saved::Place& place) {
    if constexpr (requires { saved::Words<F>::kAll; }) {
      get_word(row_.text(column), value, place);
    } else if constexpr (std::is_same_v<F, bool>) {
      value = row_.integer(column) != 0;
    } else if constexpr (std::is_integral_v<F>) {
      const auto number = row_.integer(column);
      if (!std::in_range<F>(number)) return fault_.say(place, std::to_string(number) + " is out of range");
      value = static_cast<F>(number);
    } else {
      saved::read_column(row_.text(column), value, place, fault_);
    }
  }
  template <class E>
  void get_word(std::string_view typed, E& value, const saved::Place& place) {
    for (const auto& [known, word] : saved::Words<E>::kAll) {
      if (word != typed) continue;
      value = known;
      return;
    }
    fault_.say(place, "\"" + printable(typed, 60) + "\" is no word for it");
  }
  void get(int column, std::string& value, const saved::Place&) { value = row_.text(column); }
  void get(int column, TimePoint& value, const saved::Place& place) {
    const auto time = parse_utc(row_.text(column));
    if (!time) return fault_.say(place, "\"" + printable(row_.text(column), 60) + "\" is no time");
    value = *time;
  }
  void get(int column, std::optional<TimePoint>& value, const saved::Place& place) {
    if (!row_.null(column)) get(column, value.emplace(), place);
  }

  const Statement& row_;
  int column_;
  const saved::Place& place_;
  saved::Fault& fault_;
};

}  // namespace stswatch::sql
