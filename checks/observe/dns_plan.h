// How one question goes from server to server until something is proved: pure steps, no I/O. A definite
// answer from any server wins; the failures of all are told otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checks/observe/dns_message.h"

namespace stswatch::dns {

struct Step {
  std::size_t server = 0;
  bool tcp = false;
  QueryForm form;
};

class Plan {
 public:
  Plan(std::size_t servers, int tries) : servers_(servers), tries_left_(tries) {}

  /// What to send next, given the servers in the order preferred now; nullopt once settled.
  std::optional<Step> next(std::span<const std::size_t> order);

  /// What became of the last step.
  void answered(Reading reading);
  void silent(const std::string& why);  // packets get lost: the same server may be asked again
  void failed(const std::string& why);  // it would fail again at once

  /// The definite answer, or an unknown one that names every failure.
  DnsAnswer result(const DnsQuestion& question);
  const std::string& failures() const { return failures_; }

 private:
  struct Tally {
    int silences = 0;
    bool failed = false;
  };
  std::optional<std::size_t> choose(std::span<const std::size_t> order) const;
  std::optional<Step> follow_up(const Reading& reading) const;
  void note(const std::string& why);

  std::vector<Tally> servers_;
  int tries_left_;
  Step last_;
  std::optional<Step> follow_up_;             // of the same try: TCP, or without EDNS
  std::optional<std::size_t> ask_unchecked_;  // this server's SERVFAIL may be a failed validation
  bool unchecked_ = false;                    // the last step is that question
  bool bogus_ = false;
  bool settled_ = false;
  std::optional<DnsAnswer> answer_;
  std::string failures_;
};

}  // namespace stswatch::dns
