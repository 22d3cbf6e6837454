// What follows the "?" of a page, or stands in the form that a button sends. However odd, a page is made of
// it or it is refused with words, and no markup of its gets through.
#include <cstdlib>

#include "agent/tell/http.h"
#include "agent/tell/http_server.h"
#include "agent/tell/pages.h"
#include "checks/facts/text.h"

namespace {

using namespace stswatch;

void must(bool so) {
  if (!so) std::abort();
}

void press(const httplib::Request& request, const DomainMemory& memory) {
  const auto fields = fields_of(request, {"code", "subject", "for"}, {"comment"});
  must(fields || !fields.error().empty());
  if (!fields) return;
  const auto comment = fields->find("comment");
  const auto silence = silence_of({fields->at("code"), fields->at("subject"), fields->at("for"),
                                   comment == fields->end() ? "" : comment->second},
                                  memory, TimePoint(Seconds(1800000000)));
  must(silence || !silence.error().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto name = *Domain::parse("example.com");
  static const DomainMemory memory(std::make_shared<DomainObservation>(name), Verdict(name));
  httplib::Request request;
  httplib::detail::parse_query_text(std::string(reinterpret_cast<const char*>(data), size), request.params);
  press(request, memory);
  const auto given = [&](const char* key) { return request.get_param_value(key).substr(0, 200); };
  Snapshot snapshot;
  snapshot.now = TimePoint(Seconds(1800000000));
  const auto page = page_of_domains(snapshot, {given("q"), given("status"), given("sort"), 1});
  must(page.find("<script>") == page.npos && page.find("<img") == page.npos);
  (void)parse_utc(request.get_param_value("asked"));
  (void)scrape_timeout(request.get_param_value("timeout"));
  if (const auto name = Domain::parse(request.get_param_value("target")); !name) must(!name.error().empty());
  return 0;
}
