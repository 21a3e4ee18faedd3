// What import reads and export writes: each form parsed, printed and parsed again; records cut out
// of a stream at any place; compressed pieces; wrong input named.
#include "client/cli/row_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "client/cli/byte_sink.h"
#include "client/cli/row_text.h"
#include "client/cli/transfer_state.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"

namespace stele::cli {
namespace {

using Records = std::vector<std::pair<uint64_t, std::string>>;

// Gives at most `step` bytes at a time.
class SlowSource : public ByteSource {
 public:
  SlowSource(std::string bytes, size_t step) : bytes_(std::move(bytes)), step_(step) {}
  StatusOr<size_t> Read(char* buffer, size_t n) override {
    const size_t got = std::min({n, step_, bytes_.size() - at_});
    bytes_.copy(buffer, got, at_);
    at_ += got;
    return got;
  }
  uint64_t file_bytes() const override { return at_; }

 private:
  const std::string bytes_;
  const size_t step_;
  size_t at_ = 0;
};

Records Cut(const std::string& bytes, Boundary boundary, size_t step, uint64_t max = 1000) {
  SlowSource source(bytes, step);
  RecordSplitter splitter(&source, boundary, max);
  RecordSplitter::Record record;
  Records records;
  while (*splitter.Next(&record)) {
    records.emplace_back(record.line, (record.too_long ? "LONG " : "") + std::string(record.text));
  }
  EXPECT_EQ(splitter.offset(), bytes.size());
  return records;
}

std::vector<std::string> Texts(const std::vector<Field>& fields) {
  std::vector<std::string> texts;
  for (const Field& field : fields) texts.push_back(field.quoted ? "Q" + field.text : field.text);
  return texts;
}

TEST(RecordSplitter, CutsAtAnyStep) {
  for (size_t step : {1, 2, 3, 1000}) {
    EXPECT_EQ(Cut("\xEF\xBB\xBFone\r\n\n two \nlast", Boundary::kLine, step),
              (Records{{1, "one"}, {3, " two "}, {4, "last"}}));
    EXPECT_EQ(Cut("a,\"x\ny\",b\nc,5\" d,\"\"\"\n\"\r\nz\n", Boundary::kCsvLine, step),
              (Records{{1, "a,\"x\ny\",b"}, {3, "c,5\" d,\"\"\"\n\""}, {5, "z"}}));
    EXPECT_EQ(Cut("\n\nA: 1\n b\n \t\r\n\nC: 2\n", Boundary::kParagraph, step),
              (Records{{3, "A: 1\n b"}, {7, "C: 2"}}));
    EXPECT_EQ(Cut("", Boundary::kLine, step), Records());
  }
}

TEST(RecordSplitter, ALongRecordIsPassedOver) {
  const std::string long_line(5000, 'x');
  for (size_t step : {1, 7, 100'000}) {
    const Records lines = Cut("a\n" + long_line + "\nb\n", Boundary::kLine, step, 10);
    ASSERT_EQ(lines.size(), 3u) << step;
    EXPECT_EQ(lines[1].first, 2u);
    EXPECT_EQ(lines[1].second.rfind("LONG x", 0), 0u);
    EXPECT_EQ(lines[2], (std::pair<uint64_t, std::string>(3, "b")));
  }
  const Records cut =
      Cut("\"" + long_line + "\n" + long_line + "\"\nb", Boundary::kCsvLine, 64, 10);
  ASSERT_EQ(cut.size(), 2u);
  EXPECT_EQ(cut[0].second.rfind("LONG ", 0), 0u);
  EXPECT_EQ(cut[1], (std::pair<uint64_t, std::string>(3, "b")));
}

TEST(SplitCsv, FollowsRfc4180) {
  EXPECT_EQ(Texts(*SplitCsv("a,,\"\",\"b,\"\"c\"\"\n\",5\"")),
            (std::vector<std::string>{"a", "", "Q", "Qb,\"c\"\n", "5\""}));
  EXPECT_EQ(SplitCsv("").value().size(), 1u);
  for (const char* bad : {"\"a", "\"a\"b", "x,\"", "\"a\"\""})
    EXPECT_FALSE(SplitCsv(bad).ok()) << bad;
}

TEST(SplitParagraph, KeepsLinesOfAValue) {
  const auto fields = *SplitParagraph("Package: a \n# no\nDescription:x\n  two\n .\nEmpty:\n");
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[0], (std::pair<std::string, std::string>("Package", "a")));
  EXPECT_EQ(fields[1].second, "x\n  two\n .");
  EXPECT_EQ(fields[2].second, "");
  for (const char* bad : {" a: b", "no colon", ": b", "A: 1\nA: 2"}) {
    EXPECT_FALSE(SplitParagraph(bad).ok()) << bad;
  }
}

TEST(ParseJsonRow, NamesWhatIsWrong) {
  EXPECT_EQ(*ParseJsonRow(
                R"({"row":"r","cells":[{"family":"f","qualifier_hex":"ff","value":"é"}]})", 5000),
            (Row{"r", {{"f", "\xFF", 5000, "é"}}}));
  const std::pair<const char*, const char*> kWrong[] = {
      {"", "not JSON"},
      {"[]", "no JSON object"},
      {R"({"cells":[]})", "row"},
      {R"({"row":1,"cells":[]})", "no string"},
      {R"({"row":"r","row_hex":"72","cells":[]})", "twice"},
      {R"({"row":"r"})", "cells"},
      {R"({"row":"r","cells":[1]})", "cell 1"},
      {R"({"row":"r","cells":[{"family":"f","qualifier":"q"}]})", "value"},
      {R"({"row":"r","cells":[{"qualifier":"q","value":""}]})", "family"},
      {R"({"row":"r","cells":[{"family":"f","qualifier":"q","value_base64":"?"}]})", "base64"},
      {R"({"row":"r","cells":[{"family":"f","qualifier":"q","value":"","timestamp_us":1.5}]})",
       "whole number"},
      {"{\"row\":\"\xFF\",\"cells\":[]}", "not JSON"},
  };
  for (const auto& [line, word] : kWrong) {
    const StatusOr<Row> row = ParseJsonRow(line, 0);
    EXPECT_EQ(row.status().code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_NE(row.status().ToString().find(word), std::string::npos) << line << row.status();
  }
}

TEST(RowParser, HeadersSayWhereColumnsGo) {
  ParserOptions options;
  options.form = InputForm::kCsv;
  options.timestamp_us = 7000;
  options.key = "id";
  options.family = "d";
  const RowParser parser = *RowParser::Create(options, "size,id,g:x:y");
  EXPECT_EQ(parser.Families(), (std::set<std::string>{"d", "g"}));
  EXPECT_EQ(*parser.Parse("1,k,\"\""),
            (RowMutation{"k", {SetCell{"d", "size", 7000, "1"}, SetCell{"g", "x:y", 7000, ""}}}));
  for (const char* bad : {"1,k", "1,k,2,3", ",k,"}) EXPECT_FALSE(parser.Parse(bad).ok()) << bad;
  EXPECT_FALSE(RowParser::Create(options, "a,b").ok()) << "no key";
  EXPECT_FALSE(RowParser::Create(options, "id,b,b").ok()) << "twice";
  options.family.clear();
  EXPECT_FALSE(RowParser::Create(options, "id,b").ok()) << "no family";
  options.form = InputForm::kDeb822;
  EXPECT_FALSE(RowParser::Create(options, "").ok()) << "no family";
  options.family = "d";
  EXPECT_EQ(*RowParser::Create(options, "")->Parse("id: 1\nx: y"),
            (RowMutation{"1", {SetCell{"d", "id", 7000, "1"}, SetCell{"d", "x", 7000, "y"}}}));
  EXPECT_FALSE(RowParser::Create(options, "")->Parse("x: y").ok());
  options = ParserOptions();
  EXPECT_FALSE(RowParser::Create(options, "")
                   ->Parse(R"({"row":"r","cells":[{"family":"f","qualifier":"","value":"",)"
                           R"("timestamp_us":-1}]})")
                   .ok());
}

TEST(RowParser, TakesWhatIsPrinted) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (int i = 0; i < 500; ++i) {
    Row row{random.Bytes(1 + random.Below(8)), {}};
    const size_t cells = 1 + random.Below(4);
    for (size_t c = 0; c < cells; ++c) {
      row.cells.push_back({c < 2 ? "f" : "g", random.Bytes(random.Below(4)),
                           static_cast<int64_t>(random.Below(5)) * 1000,
                           random.Bytes(random.Below(9))});
    }
    for (RowForm form : {RowForm::kJson, RowForm::kCsv, RowForm::kTsv}) {
      for (TextEncoding encoding :
           {TextEncoding::kRaw, TextEncoding::kHex, TextEncoding::kBase64}) {
        RowFormat format;
        format.form = form;
        format.encoding = form == RowForm::kTsv && encoding == TextEncoding::kRaw
                              ? TextEncoding::kEscaped
                              : encoding;
        std::string text = RowHeader(format);
        AppendRow(row, format, &text);
        ParserOptions options;
        options.form = form == RowForm::kJson  ? InputForm::kJson
                       : form == RowForm::kCsv ? InputForm::kCsv
                                               : InputForm::kTsv;
        options.encoding = format.encoding;
        SlowSource source(text, 1 + random.Below(20));
        RecordSplitter splitter(&source, BoundaryOf(options.form), 1 << 20);
        RecordSplitter::Record record;
        if (HasHeader(options.form)) {
          ASSERT_TRUE(*splitter.Next(&record));
        }
        const StatusOr<RowParser> parser = RowParser::Create(options, record.text);
        ASSERT_OK(parser.status());
        Row back;
        while (*splitter.Next(&record)) {
          const StatusOr<RowMutation> got = parser->Parse(record.text);
          ASSERT_OK(got.status()) << text;
          back.key = got->row;
          for (const Mutation& mutation : got->mutations) {
            const auto& set = std::get<SetCell>(mutation);
            back.cells.push_back({set.family, set.qualifier, set.timestamp_us, set.value});
          }
        }
        ASSERT_EQ(back, row) << text;
      }
    }
  }
}

TEST(RowParser, ColumnsTellEmptyFromNone) {
  const Row row{"k", {{"f", "a", 2000, ""}, {"f", "a", 1000, "old"}, {"f", "b,", 0, "x\r"}}};
  for (TextEncoding encoding : {TextEncoding::kRaw, TextEncoding::kHex, TextEncoding::kBase64}) {
    RowFormat format;
    format.form = RowForm::kCsv;
    format.encoding = encoding;
    format.columns = {{"f", "a"}, {"f", "b,"}, {"f", "c"}};
    std::string line;
    AppendRow(row, format, &line);
    ParserOptions options;
    options.form = InputForm::kCsv;
    options.encoding = encoding;
    std::string header = RowHeader(format);
    header.pop_back();
    line.pop_back();
    EXPECT_EQ(*RowParser::Create(options, header)->Parse(line),
              (RowMutation{"k", {SetCell{"f", "a", 0, ""}, SetCell{"f", "b,", 0, "x\r"}}}))
        << line;
  }
}

TEST(ByteSink, ACheckpointIsAPlaceToGoOn) {
  TempDir dir;
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (const char* name : {"a.csv", "a.csv.gz", "a.csv.zst"}) {
    const std::string path = dir.path() + "/" + name;
    const std::string first = random.Bytes(300'000), second = random.Bytes(5);
    auto sink = *ByteSink::Create(PosixFs(), path);
    ASSERT_OK(sink->Write(first));
    const uint64_t at = *sink->Checkpoint();
    ASSERT_OK(sink->Write("lost when it is cut"));
    ASSERT_OK(sink->Checkpoint().status());
    sink = *ByteSink::Resume(PosixFs(), path, at);
    ASSERT_OK(sink->Write(second));
    const uint64_t size = *sink->Checkpoint();
    EXPECT_EQ(*sink->Checkpoint(), size) << "nothing new, nothing written";
    EXPECT_TRUE(absl::IsAlreadyExists(ByteSink::Create(PosixFs(), path).status()));
    EXPECT_TRUE(IsCorrupt(ByteSink::Resume(PosixFs(), path, size + 1).status()));

    auto source = *OpenSource(path, nullptr);
    ASSERT_OK(source->Skip(299'990));
    std::string rest, piece(100, '\0');
    while (const size_t got = *source->Read(piece.data(), piece.size()))
      rest += piece.substr(0, got);
    EXPECT_EQ(rest, first.substr(299'990) + second) << name;
    EXPECT_EQ(source->file_bytes(), size);
    EXPECT_TRUE(absl::IsOutOfRange((*OpenSource(path, nullptr))->Skip(400'000)));
  }
}

TEST(ByteSource, DamageAndEarlyEndsAreTold) {
  for (Compression compression : {Compression::kGzip, Compression::kZstd}) {
    auto packer = MakePacker(compression);
    std::string packed;
    ASSERT_OK(packer->Pack(std::string(100'000, 'x'), &packed));
    ASSERT_OK(packer->End(&packed));
    for (const std::string& bad :
         {packed.substr(0, packed.size() - 1), std::string("rubbish"), packed + "rubbish"}) {
      std::istringstream in(bad);
      const Status status = StreamSource(&in, compression, "f")->Skip(1'000'000);
      EXPECT_TRUE(IsCorrupt(status)) << status;
    }
  }
}

TEST(TransferState, IsReadAsWritten) {
  TempDir dir;
  const std::string path = dir.path() + "/state";
  EXPECT_FALSE((*LoadState(PosixFs(), path)).has_value());
  TransferState state{"import t \xFF", "5 bytes", 1000, {7, 3, std::string("r\0", 2)},
                      {4, 5, 6},       9};
  ASSERT_OK(SaveState(PosixFs(), path, state));
  ASSERT_OK(SaveState(PosixFs(), path, state));
  bool resumed = false;
  const TransferState back = *ResumeState(PosixFs(), path, state, false, &resumed);
  EXPECT_TRUE(resumed);
  EXPECT_EQ(PrintState(back), PrintState(state));
  EXPECT_EQ(back.command, state.command);
  EXPECT_EQ(back.position.row, state.position.row);
  TransferState other = state;
  other.command = "import u";
  EXPECT_FALSE(ResumeState(PosixFs(), path, other, false, &resumed).ok());
  other = state;
  other.input = "6 bytes";
  EXPECT_FALSE(ResumeState(PosixFs(), path, other, false, &resumed).ok());
  EXPECT_OK(ResumeState(PosixFs(), path, other, true, &resumed).status());
  EXPECT_FALSE(resumed);
  for (const char* bad : {"", "{}", "[1]", "{\"version\":2}"}) {
    EXPECT_TRUE(IsCorrupt(ParseState(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace stele::cli
