#include "checks/facts/tls_report.h"

#include <algorithm>
#include <array>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::string_view kOther = "other";
constexpr std::array<std::string_view, 4> kPolicyTypes{"sts", "tlsa", "no-policy-found", kOther};

// RFC 8460 §6.6, and what the registry has taken since.
constexpr std::array<std::string_view, 11> kResultTypes{"starttls-not-supported", "certificate-host-mismatch",
                                                        "certificate-expired",    "certificate-not-trusted",
                                                        "validation-failure",     "tlsa-invalid",
                                                        "dnssec-invalid",         "dane-required",
                                                        "sts-policy-fetch-error", "sts-policy-invalid",
                                                        "sts-webpki-invalid"};

struct Sender {
  std::string_view word;
  std::string_view begins;  // what its organization-name begins with, in lower case
};

constexpr std::array kSenders{
    Sender{"Google", "google"},
    Sender{"Microsoft", "microsoft"},
    Sender{"Yahoo", "yahoo"},
    Sender{"Mail.ru", "mail.ru"},
    Sender{"Comcast", "comcast"},
    Sender{"Apple", "apple"},
    Sender{"Fastmail", "fastmail"},
    Sender{"GMX", "gmx"},
    Sender{"WEB.DE", "web.de"},
    Sender{"1&1", "1&1"},
    Sender{"Mimecast", "mimecast"},
    Sender{"Proofpoint", "proofpoint"},
    Sender{"Deutsche Telekom", "deutsche telekom"},
    Sender{"Mailbox.org", "mailbox.org"},
    Sender{"Posteo", "posteo"},
    Sender{"Proton", "proton"},
    Sender{"Zoho", "zoho"},
};

}  // namespace

std::uint64_t added(std::uint64_t a, std::uint64_t b) {
  return a >= kMostSessions || b >= kMostSessions - a ? kMostSessions : a + b;
}

std::string_view policy_type_word(std::string_view told) {
  const auto found = std::ranges::find(kPolicyTypes, told);
  return found == kPolicyTypes.end() ? kOther : *found;
}

std::string_view result_type_word(std::string_view told) {
  const auto found = std::ranges::find(kResultTypes, told);
  return found == kResultTypes.end() ? kOther : *found;
}

std::string_view organization_word(std::string_view told) {
  for (const auto& sender : kSenders) {
    if (!text::istarts_with(told, sender.begins)) continue;
    // "Google Inc." is Google's, "Googler" is somebody else's.
    const auto rest = told.substr(sender.begins.size());
    if (rest.empty() || rest.front() == ' ' || rest.front() == ',' || rest.front() == '.') return sender.word;
  }
  return kOther;
}

std::vector<std::string_view> policy_type_words() { return {kPolicyTypes.begin(), kPolicyTypes.end()}; }

}  // namespace stswatch
