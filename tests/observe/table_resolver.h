// A resolver that is a table.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "checks/observe/dns/resolver.h"

namespace stswatch {

/// What is not in the table is NXDOMAIN. Thread-safe once it is filled.
class TableResolver final : public Resolver {
 public:
  std::map<std::pair<std::string, RecordType>, DnsAnswer> table;
  std::vector<std::vector<std::string>> batches;  // the names asked, batch by batch
  bool answers_nothing = false;

  void txt(const std::string& name, std::vector<std::string> texts) {
    TxtAnswer answer = found<TxtAnswer>(name);
    for (auto& text : texts)
      answer.records.push_back({{std::move(text)}});
    table[{name, RecordType::txt}] = answer;
  }
  void mx(const std::string& name, const std::string& host) {
    MxAnswer answer = found<MxAnswer>(name);
    answer.records.push_back({10, host});
    table[{name, RecordType::mx}] = answer;
  }
  void addresses(const std::string& name, RecordType type, const std::vector<std::string>& texts) {
    AddressAnswer answer = found<AddressAnswer>(name);
    for (const auto& text : texts)
      answer.records.push_back(*Address::parse(text));
    table[{name, type}] = answer;
  }
  void ns(const std::string& zone, const std::vector<std::string>& servers) {
    NsAnswer answer = found<NsAnswer>(zone);
    for (const auto& server : servers)
      answer.records.push_back({server});
    table[{zone, RecordType::ns}] = answer;
  }
  template <class Kind>
  void unknown(const std::string& name, RecordType type) {
    Kind answer;
    answer.name = name;
    answer.detail = "SERVFAIL";
    table[{name, type}] = answer;
  }

  std::vector<DnsAnswer> ask(const std::vector<DnsQuestion>& questions, const Deadline&) override {
    const std::lock_guard lock(mutex_);
    batches.emplace_back();
    std::vector<DnsAnswer> answers;
    for (const auto& question : questions) {
      batches.back().push_back(question.name);
      const auto row = table.find({question.name, question.type});
      if (!answers_nothing) answers.push_back(row != table.end() ? row->second : absent(question));
    }
    return answers;
  }

 private:
  std::mutex mutex_;

  template <class Kind>
  static Kind found(const std::string& name) {
    Kind answer;
    answer.lookup = Lookup::found;
    answer.name = name;
    return answer;
  }
  template <class Kind>
  static Kind nxdomain(const std::string& name) {
    Kind answer;
    answer.lookup = Lookup::absent;
    answer.nxdomain = true;
    answer.name = name;
    return answer;
  }
  static DnsAnswer absent(const DnsQuestion& question) {
    if (question.type == RecordType::txt) return nxdomain<TxtAnswer>(question.name);
    if (question.type == RecordType::ns) return nxdomain<NsAnswer>(question.name);
    if (question.type == RecordType::tlsa) return nxdomain<TlsaAnswer>(question.name);
    if (question.type == RecordType::caa) return nxdomain<CaaAnswer>(question.name);
    if (question.type == RecordType::mx) return nxdomain<MxAnswer>(question.name);
    return nxdomain<AddressAnswer>(question.name);
  }
};

}  // namespace stswatch
