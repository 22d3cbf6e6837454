#include "checks/reports/read.h"

#include <algorithm>
#include <iterator>

#include "checks/facts/bounds.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch::reports {
namespace {

Reading rejected(const std::string& why) {
  Reading out;
  out.why = printable(why, bounds::kDetail);
  return out;
}

/// RFC 8460 §5.1: filename = sender "!" policy-domain "!" begin "!" end ["!" unique-id] "." extension
std::string domain_of_name(std::string_view name) {
  name = name.substr(name.rfind('/') + 1);
  const auto first = name.find('!');
  if (first == name.npos) return {};
  const auto second = name.find('!', first + 1);
  if (second == name.npos) return {};
  return text::lower(name.substr(first + 1, second - first - 1));
}

/// Not what archivers and people put beside a report.
bool is_meant(std::string_view name, std::string_view octets) {
  const auto base = name.substr(name.rfind('/') + 1);
  if (base.starts_with("._")) return false;
  const auto first = octets.find_first_not_of(" \t\r\n");
  return is_gzip(octets) || is_zip(octets) || text::lower(base).ends_with(".json") ||
         (first != octets.npos && octets[first] == '{');
}

/// JSON, within as many layers as reporters use; all that is in it unpacks to kUnpacked octets at most.
class Unpacking {
 public:
  std::vector<Reading> found{};

  void read(std::string_view octets, std::string_view name, std::size_t layer = 0) {
    if (!is_gzip(octets) && !is_zip(octets)) return json(octets, name);
    if (layer == kLayers) return reject("packed more than " + std::to_string(kLayers) + " times", name);
    if (is_zip(octets)) return zip(octets, name, layer);
    const auto inner = gunzipped(octets, left_);
    if (!inner) return reject(inner.error(), name);
    left_ -= inner->size();
    read(*inner, name, layer + 1);
  }

 private:
  void zip(std::string_view octets, std::string_view name, std::size_t layer) {
    const auto members = unzipped(octets, left_);
    if (!members) return reject(members.error(), name);
    bool any = false;
    for (const auto& member : *members) {
      left_ -= member.octets.size();
      if (members->size() > 1 && !is_meant(member.name, member.octets)) continue;
      any = true;
      // RFC 8460 §5.1 names the file that is sent, and some reporters what is in it.
      read(member.octets, domain_of_name(member.name).empty() ? name : member.name, layer + 1);
    }
    if (!any) reject("a zip file without a report in it", name);
  }

  void json(std::string_view octets, std::string_view name) {
    if (octets.size() > kUnpacked)
      return reject("longer than " + std::to_string(kUnpacked) + " octets", name);
    auto report = read_report_json(octets);
    if (!report) return reject(report.error(), name);
    Reading out;
    out.parse = Reading::Parse::ok;
    out.report = std::move(*report);
    add(std::move(out), name);
  }

  void reject(const std::string& why, std::string_view name) { add(rejected(why), name); }
  void add(Reading reading, std::string_view name) {
    reading.about = domain_of_name(name);
    found.push_back(std::move(reading));
  }

  std::size_t left_ = kUnpacked;
};

/// One of them, a good one if there is any, with the others behind it.
Reading together(std::vector<Reading> all) {
  std::ranges::stable_partition(all, [](const Reading& r) { return r.parse == Reading::Parse::ok; });
  Reading out = std::move(all.front());
  out.further.assign(std::make_move_iterator(all.begin() + 1), std::make_move_iterator(all.end()));
  return out;
}

Reading read_packed(std::string_view octets, std::string_view name) {
  Unpacking packed;
  packed.read(octets, name);
  return together(std::move(packed.found));
}

Reading read_carried(std::string_view octets, const Hints& hints) {
  auto mail = read_mail(octets, hints.authserv_id);
  if (!mail) return rejected(mail.error());
  Unpacking carried;
  for (const auto& part : mail->reports) {
    // The likeliest part tells why there is none; others may be anything.
    const bool meant = carried.found.empty() || is_meant(part.file_name, part.octets);
    if (meant) carried.read(part.octets, part.file_name);
  }
  Reading out;
  if (carried.found.empty()) {
    out.parse = Reading::Parse::no_report;
    out.why = "a mail that carries no report";
  } else {
    out = together(std::move(carried.found));
  }
  const auto note = [&](Reading& reading) {
    if (!mail->facts.report_domain.empty()) reading.about = mail->facts.report_domain;
    reading.mail = mail->facts;
  };
  note(out);
  std::ranges::for_each(out.further, note);
  return out;
}

}  // namespace

Reading read_tls_report(std::string_view octets, const Hints& hints) {
  if (octets.size() > kPacked) return rejected("longer than " + std::to_string(kPacked) + " octets");
  if (octets.empty()) return rejected("empty");
  const bool told = text::istarts_with(hints.media_type, "message/rfc822");
  const bool packed = is_gzip(octets) || is_zip(octets);
  if (told || (!packed && is_mail(octets))) return read_carried(octets, hints);
  return read_packed(octets, hints.file_name);
}

std::string_view to_string(Reading::Parse parse) {
  if (parse == Reading::Parse::ok) return "ok";
  return parse == Reading::Parse::no_report ? "no-report" : "reject";
}

}  // namespace stswatch::reports
