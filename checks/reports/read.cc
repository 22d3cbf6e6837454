#include "checks/reports/read.h"

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

/// JSON, within as many layers as reporters use.
Reading read_packed(std::string_view octets, std::string_view name) {
  std::string held;
  for (std::size_t layer = 0; is_gzip(octets) || is_zip(octets); ++layer) {
    if (layer == kLayers) return rejected("packed more than " + std::to_string(kLayers) + " times");
    auto inner = is_gzip(octets) ? gunzipped(octets, kUnpacked) : unzipped(octets, kUnpacked);
    if (!inner) return rejected(inner.error());
    held = std::move(*inner);
    octets = held;
  }
  if (octets.size() > kUnpacked) return rejected("longer than " + std::to_string(kUnpacked) + " octets");
  auto report = read_report_json(octets);
  if (!report) {
    auto out = rejected(report.error());
    out.about = domain_of_name(name);
    return out;
  }
  Reading out;
  out.parse = Reading::Parse::ok;
  out.report = std::move(*report);
  out.about = domain_of_name(name);
  return out;
}

Reading read_carried(std::string_view octets, const Hints& hints) {
  auto mail = read_mail(octets, hints.authserv_id);
  if (!mail) return rejected(mail.error());
  Reading out;
  out.parse = Reading::Parse::no_report;
  out.why = "a mail that carries no report";
  for (const auto& part : mail->reports) {
    auto reading = read_packed(part.octets, part.file_name);
    // The likeliest part tells why, unless a later one can be read.
    if (out.parse == Reading::Parse::no_report || reading.parse == Reading::Parse::ok)
      out = std::move(reading);
    if (out.parse == Reading::Parse::ok) break;
  }
  if (!mail->facts.report_domain.empty()) out.about = mail->facts.report_domain;
  out.mail = std::move(mail->facts);
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
