#include "nep_model.h"

#include <locale.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "elements.h"
#include "invariants.h"
#include "zbl.h"

namespace nepforge {
namespace {

// Sizes beyond these are damage: every published model is far below, and products stay in 64 bits.
constexpr int max_functions = 1000;
constexpr int max_neurons = 100000;
constexpr int max_l = 8;
constexpr double longest_cutoff = 100.0;         // Å
constexpr double sure_cutoffs[2] = {2.5, 10.0};  // Å, what GPUMD's trainer allows
constexpr int n_zbl_numbers = 10;                // of one pair in the table of a flexible ZBL

using Words = std::vector<std::string>;

/// The lines of a model file and where in it the reader is.
class ModelFile {
 public:
  ModelFile(const std::string& text, const std::string& path) : path_(path) {
    const std::string byte_order_mark = "\xEF\xBB\xBF";  // of UTF-8, as Windows editors write it
    const bool has_mark = text.compare(0, byte_order_mark.size(), byte_order_mark) == 0;
    std::istringstream stream(has_mark ? text.substr(byte_order_mark.size()) : text);
    for (std::string line; std::getline(stream, line);) lines_.push_back(line);
    while (!lines_.empty() && split(lines_.back()).empty()) lines_.pop_back();
    if (lines_.empty()) fail(1, "found an empty file, expected a NEP text file");
  }

  /// Words of the next line; `expected` says what belongs there.
  Words next(const std::string& expected) {
    if (next_ == lines_.size()) {
      fail(next_ + 1, "the file ends here, expected " + expected);
    }
    return split(lines_[next_++]);
  }

  /// Words of the next line, which must begin with `keyword`; the keyword is taken off.
  Words record(const std::string& keyword, const std::string& expected) {
    Words words = next("'" + expected + "'");
    if (words.empty() || words[0] != keyword) fail_here("'" + expected + "'");
    words.erase(words.begin());
    return words;
  }

  [[noreturn]] void fail(std::size_t line, const std::string& text) const {
    throw ModelFileError(path_ + ":" + std::to_string(line) + ": " + text);
  }

  /// Refuses the line read last.
  [[noreturn]] void fail_here(const std::string& expected) const {
    fail(next_, "found '" + shortened(lines_[next_ - 1]) + "', expected " + expected);
  }

  /// Printable beginning of a text of the file: a binary file must not reach the terminal.
  static std::string shortened(const std::string& line) {
    constexpr std::size_t longest = 60;
    std::string text = line.substr(0, longest);
    while (!text.empty() && text.back() == '\r') text.pop_back();
    for (char& letter : text) {
      if (static_cast<unsigned char>(letter) < 32 || static_cast<unsigned char>(letter) > 126) {
        letter = '?';
      }
    }
    return line.size() > longest ? text + "..." : text;
  }

  std::size_t line() const { return next_; }
  std::size_t lines_left() const { return lines_.size() - next_; }

 private:
  static Words split(const std::string& line) {
    static const char* const blanks = " \t\r\f\v";
    Words words;
    std::size_t begin = line.find_first_not_of(blanks);
    while (begin != std::string::npos) {
      const std::size_t end = std::min(line.find_first_of(blanks, begin), line.size());
      words.push_back(line.substr(begin, end - begin));
      begin = line.find_first_not_of(blanks, end);
    }
    return words;
  }

  std::string path_;
  std::vector<std::string> lines_;
  std::size_t next_ = 0;
};

/// strtod in the C locale: a decimal comma in the environment must not change a model. Decimal
/// numbers alone.
bool parse_number(const std::string& word, double& value) {
  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", nullptr);
  if (word.find_first_of("xX") != std::string::npos) return false;
  char* end = nullptr;
  value = strtod_l(word.c_str(), &end, c_locale);
  return end == word.c_str() + word.size() && !word.empty() && std::isfinite(value);
}

bool parse_integer(const std::string& word, int low, int high, int& value) {
  constexpr std::size_t most_digits = 12;
  const std::size_t sign = word.find_first_not_of("+-") == 1 ? 1 : 0;
  const std::size_t n_digits = word.size() - sign;
  if (n_digits < 1 || n_digits > most_digits ||
      word.find_first_not_of("0123456789", sign) != std::string::npos) {
    return false;
  }
  const long parsed = std::strtol(word.c_str(), nullptr, 10);
  value = static_cast<int>(parsed);
  return parsed >= low && parsed <= high;
}

std::vector<int> integers(const ModelFile& file, const Words& words, std::size_t count, int low,
                          int high, const std::string& expected) {
  std::vector<int> values(count);
  bool good = words.size() == count;
  for (std::size_t idx = 0; good && idx < count; ++idx) {
    good = parse_integer(words[idx], low, high, values[idx]);
  }
  if (!good) file.fail_here(expected);
  return values;
}

/// Why a model kind is refused, by the word that its token contains.
struct RefusedKind {
  const char* word;
  const char* meaning;
};

constexpr RefusedKind refused_kinds[] = {
    {"charge", "a model with charges (qNEP)"},
    {"vdw", "a model with van der Waals terms"},
    {"dipole", "a dipole model (TNEP)"},
    {"polarizability", "a polarizability model (TNEP)"},
    {"temperature", "a temperature-dependent model"},
    {"spin", "a model with spins"},
};

/// What the token says of a kind that is known and not evaluated; empty otherwise.
std::string refused_meaning(const std::string& token) {
  if (token.rfind("nep", 0) != 0) return "";
  for (const RefusedKind& kind : refused_kinds) {
    if (token.find(kind.word) != std::string::npos) return kind.meaning;
  }
  if (token == "nep" || token == "nep1" || token == "nep_zbl") return "a NEP1 model of 2021";
  if (token == "nep2" || token == "nep2_zbl") return "a NEP2 model of 2022";
  return "";
}

/// Header facts that are needed only while reading.
struct Header {
  bool zbl = false;
  std::size_t zbl_line = 0;
};

void read_token(ModelFile& file, NepModel& model, Header& header) {
  const Words words = file.next("a model token such as 'nep4'");
  const std::string token = words.empty() ? "" : words[0];
  const std::string expected = "nep3, nep4 or nep5, plain or with _zbl";
  const std::string meaning = refused_meaning(token);
  if (!meaning.empty()) {
    file.fail(file.line(), "found '" + ModelFile::shortened(token) + "', " + meaning +
                               " that is not evaluated, expected " + expected);
  }
  if (token.size() < 4 || token.rfind("nep", 0) != 0) file.fail_here(expected);
  model.version = token[3] - '0';
  header.zbl = token.substr(4) == "_zbl";
  if (model.version < 3 || model.version > 5 || (token.size() > 4 && !header.zbl)) {
    file.fail_here(expected);
  }
  int count = 0;
  if (words.size() < 3 || !parse_integer(words[1], 1, n_elements, count) ||
      words.size() != static_cast<std::size_t>(count) + 2) {
    file.fail_here("'" + token + " T' followed by T element symbols");
  }
  model.species.assign(words.begin() + 2, words.end());
  for (const std::string& symbol : model.species) {
    const int number = atomic_number_of(symbol);
    if (number == 0) {
      file.fail(file.line(), "found '" + ModelFile::shortened(symbol) +
                                 "', expected an element H..Pu, written as in 'Si'");
    }
    if (std::find(model.atomic_numbers.begin(), model.atomic_numbers.end(), number) !=
        model.atomic_numbers.end()) {
      file.fail(file.line(), "found '" + symbol + "' twice, expected distinct elements");
    }
    model.atomic_numbers.push_back(number);
  }
}

void read_zbl_record(ModelFile& file, NepModel& model, Header& header) {
  const std::string expected = "zbl r_in r_out [factor]";
  const Words words = file.record("zbl", expected);
  header.zbl_line = file.line();
  for (const std::string& word : words) {
    double value = 0.0;
    if (!parse_number(word, value) || value < 0.0) file.fail_here("'" + expected + "' in Å");
    model.zbl_record.push_back(value);
  }
  const std::vector<double>& numbers = model.zbl_record;
  if (numbers.size() < 2 || numbers.size() > 3) file.fail_here("'" + expected + "'");
  const bool flexible = numbers.size() == 2 && numbers[0] == 0.0 && numbers[1] == 0.0;
  if (!flexible && numbers[0] >= numbers[1]) file.fail_here("r_in below r_out");
}

/// Refuses the factors of `use_typewise_cutoff` behind two cutoffs and two counts; three zeros mean
/// that it was not used.
void check_factors(const ModelFile& file, const Words& words) {
  bool used = false;
  for (const std::string& word : words) {
    double factor = 0.0;
    if (!parse_number(word, factor)) file.fail_here("cutoffs, two neighbour counts and factors");
    used = used || factor != 0.0;
  }
  if (used) {
    file.fail_here(
        "two cutoffs and two neighbour counts; the last three are factors of use_typewise_cutoff "
        "(radial, angular, ZBL) of GPUMD 3.9.5 to 4.6, which no other code evaluates: run the file "
        "with such a GPUMD, or train it again with 4.7 or newer and a pair of cutoffs for each "
        "species");
  }
}

/// How many words of a cutoff record are cutoffs; the rest are counts. 2: nothing else, as before
/// August 2022. 4: two of them, also of two species. 2 T and 2 T + 2: two for each species; the
/// first was never written, so it must be nothing else. 7: GPUMD 3.9.5 to 4.6.
std::size_t n_cutoffs_of(const ModelFile& file, const Words& words, std::size_t n_species) {
  constexpr std::size_t with_factors = 7;
  if (words.size() == 2 || words.size() == 4) return 2;
  if (words.size() == with_factors) {
    check_factors(file, Words(words.begin() + 4, words.end()));
    return 2;
  }
  if (n_species > 1 && words.size() == 2 * n_species + 2) return 2 * n_species;
  const bool sure = std::all_of(words.begin(), words.end(), [](const std::string& word) {
    double value = 0.0;
    return parse_number(word, value) && value >= sure_cutoffs[0] && value <= sure_cutoffs[1];
  });
  if (n_species > 2 && words.size() == 2 * n_species && sure) return 2 * n_species;
  file.fail_here("two cutoffs (or two for each of the " + std::to_string(n_species) +
                 " species) and two neighbour counts");
}

void read_cutoff(ModelFile& file, NepModel& model) {
  const Words words = file.record("cutoff", "cutoff radial angular MN_radial MN_angular");
  const std::size_t n_species = model.species.size();
  const std::size_t n_cutoffs = n_cutoffs_of(file, words, n_species);
  model.cutoff_per_species = n_species > 1 && n_cutoffs == 2 * n_species;
  for (std::size_t idx = 0; idx < 2 * n_species; ++idx) {
    double cutoff = 0.0;
    if (!parse_number(words[idx % n_cutoffs], cutoff) || cutoff <= 0.0 || cutoff > longest_cutoff) {
      file.fail_here("cutoffs above 0 and at most 100 Å");
    }
    (idx % 2 == 0 ? model.radial : model.angular).cutoff.push_back(cutoff);
  }
  for (std::size_t idx = 0; idx < n_species; ++idx) {
    if (model.angular.cutoff[idx] > model.radial.cutoff[idx]) {
      file.fail_here("an angular cutoff not above the radial one");
    }
  }
  if (words.size() == n_cutoffs) return;
  const auto counts = words.begin() + static_cast<std::ptrdiff_t>(n_cutoffs);
  const std::vector<int> values =
      integers(file, Words(counts, counts + 2), 2, 0, std::numeric_limits<int>::max(),
               "two neighbour counts after the cutoffs");
  model.neighbor_counts = {values[0], values[1]};
}

void read_sizes(ModelFile& file, NepModel& model) {
  const std::string two = "two integers from 0 to " + std::to_string(max_functions);
  std::vector<int> values =
      integers(file, file.record("n_max", "n_max radial angular"), 2, 0, max_functions, two);
  model.radial.n_functions = values[0] + 1;
  model.angular.n_functions = values[1] + 1;
  values = integers(file, file.record("basis_size", "basis_size radial angular"), 2, 0,
                    max_functions, two);
  model.radial.n_basis = values[0] + 1;
  model.angular.n_basis = values[1] + 1;
}

void read_l_max(ModelFile& file, NepModel& model) {
  const Words words = file.record("l_max", "l_max L q_222 q_1111 ...");
  const std::string expected =
      "L from 1 to 8, then at most six flags (222, 1111, 112, 123, 233, 134) that are 0, 1 or 2";
  if (words.empty() || words.size() > 1 + n_invariants ||
      !parse_integer(words[0], 1, max_l, model.l_max)) {
    file.fail_here(expected);
  }
  for (std::size_t idx = 1; idx < words.size(); ++idx) {
    int flag = 0;
    if (!parse_integer(words[idx], 0, 2, flag)) file.fail_here(expected);
    if (flag == 0) continue;
    const int needed = smallest_l_max(invariant_tables[idx - 1]);
    if (model.l_max < needed) {
      file.fail_here("L of at least " + std::to_string(needed) + " for flag " +
                     std::to_string(idx));
    }
    model.invariants.push_back(static_cast<Invariant>(idx - 1));
  }
}

void read_neurons(ModelFile& file, NepModel& model) {
  const Words words = file.record("ANN", "ANN neurons 0");
  int second_layer = 0;
  if (words.empty() || words.size() > 2 ||
      !parse_integer(words[0], 1, max_neurons, model.n_neurons) ||
      (words.size() == 2 && !parse_integer(words[1], 0, max_neurons, second_layer))) {
    file.fail_here("'ANN neurons 0' with at least one neuron");
  }
  if (second_layer > 0) {
    file.fail_here("'ANN neurons 0': two hidden layers are not evaluated");
  }
}

/// All numbers after the header, one on each line.
std::vector<double> read_numbers(ModelFile& file) {
  std::vector<double> numbers;
  numbers.reserve(file.lines_left());
  while (file.lines_left() > 0) {
    const Words words = file.next("a number");
    double value = 0.0;
    if (words.size() != 1 || !parse_number(words[0], value)) {
      file.fail_here("one finite number on the line");
    }
    numbers.push_back(value);
  }
  return numbers;
}

/// How many numbers belong after the header, and how many of them are output biases at the end of
/// the networks.
struct Layout {
  std::int64_t n_numbers = 0;
  int n_last_biases = 1;
};

std::int64_t expected_numbers(const NepModel& model, int n_last_biases) {
  const std::int64_t n_species = model.n_species();
  const std::int64_t network =
      (model.n_descriptor() + std::int64_t{2}) * model.n_neurons + (model.version == 5 ? 1 : 0);
  const std::int64_t coefficients =
      n_species * n_species *
      (std::int64_t{model.radial.n_functions} * model.radial.n_basis +
       std::int64_t{model.angular.n_functions} * model.angular.n_basis);
  return network * (model.version == 3 ? 1 : n_species) + n_last_biases + coefficients +
         model.n_descriptor() +
         (model.has_zbl_table() ? n_zbl_numbers * n_species * (n_species + 1) / 2 : 0);
}

/// NEP4 files come with one common last bias (GPUMD) or with one for each species (MatPL's
/// nep_to_lmps.txt): the header is the same and only the count tells them apart.
Layout find_layout(const ModelFile& file, const NepModel& model, std::size_t n_header_lines,
                   std::size_t n_found) {
  const auto found = static_cast<std::int64_t>(n_found);
  const Layout common{expected_numbers(model, 1), 1};
  const Layout per_species{expected_numbers(model, model.n_species()), model.n_species()};
  if (found == common.n_numbers) return common;
  std::string expected = std::to_string(common.n_numbers);
  std::int64_t most = common.n_numbers;
  if (model.version == 4 && model.n_species() > 1) {
    if (found == per_species.n_numbers) return per_species;
    expected += " (one common output bias) or " + std::to_string(per_species.n_numbers) +
                " (one output bias for each species)";
    most = per_species.n_numbers;
  }
  const std::int64_t line = static_cast<std::int64_t>(n_header_lines) + 1 + std::min(found, most);
  file.fail(static_cast<std::size_t>(line),
            "found " + std::to_string(found) + " numbers after the header, expected " + expected);
}

/// Takes consecutive runs of numbers off the file.
class Cursor {
 public:
  explicit Cursor(const std::vector<double>& numbers) : next_(numbers.begin()) {}

  double take() { return *next_++; }

  std::vector<double> take(std::int64_t count) {
    const auto first = next_;
    next_ += count;
    return {first, next_};
  }

 private:
  std::vector<double>::const_iterator next_;
};

void take_networks(NepModel& model, const Layout& layout, Cursor& cursor) {
  const int n_networks = model.version == 3 ? 1 : model.n_species();
  for (int idx = 0; idx < n_networks; ++idx) {
    Network network;
    network.w0 = cursor.take(std::int64_t{model.n_neurons} * model.n_descriptor());
    network.b0 = cursor.take(model.n_neurons);
    network.w1 = cursor.take(model.n_neurons);
    network.bias = model.version == 5 ? cursor.take() : 0.0;
    model.networks.push_back(network);
  }
  model.networks.resize(model.species.size(), model.networks.front());
  const std::vector<double> last = cursor.take(layout.n_last_biases);
  for (std::size_t idx = 0; idx < model.networks.size(); ++idx) {
    model.networks[idx].bias += layout.n_last_biases == 1 ? last[0] : last[idx];
  }
  model.bias_per_species = model.version == 5 || layout.n_last_biases > 1;
}

void set_zbl_range(const NepModel& model, const std::vector<double>& numbers, int first, int second,
                   ZblPair& pair) {
  pair.inner = numbers[0];
  pair.outer = numbers[1];
  if (numbers.size() == 3) {  // type-wise: the radii of the pair may lower the outer cutoff
    const double radii =
        zbl_radius(model.atomic_numbers[first]) + zbl_radius(model.atomic_numbers[second]);
    pair.inner = 0.0;
    pair.outer = std::min(numbers[2] * radii, numbers[1]);
  }
}

void take_zbl(const ModelFile& file, const Header& header, NepModel& model, Cursor& cursor) {
  const int n_species = model.n_species();
  model.zbl.resize(static_cast<std::size_t>(n_species) * n_species);
  for (int first = 0; first < n_species; ++first) {
    for (int second = first; second < n_species; ++second) {
      ZblPair pair = universal_zbl(model.atomic_numbers[first], model.atomic_numbers[second]);
      if (model.has_zbl_table()) {
        pair.inner = cursor.take();
        pair.outer = cursor.take();
        for (int idx = 0; idx < 4; ++idx) {
          pair.amplitude[idx] = cursor.take();
          pair.decay[idx] = cursor.take();
        }
      } else {
        set_zbl_range(model, model.zbl_record, first, second, pair);
      }
      const double cutoff = (model.angular.cutoff[first] + model.angular.cutoff[second]) / 2;
      if (pair.inner < 0.0 || pair.inner >= pair.outer || pair.outer > cutoff) {
        std::ostringstream text;
        text << "found ZBL from " << pair.inner << " to " << pair.outer << " Å for "
             << model.species[first] << "-" << model.species[second]
             << ", expected 0 <= inner < outer <= " << cutoff << " (the angular cutoff)";
        file.fail(header.zbl_line, text.str());
      }
      model.zbl[first * n_species + second] = pair;
      model.zbl[second * n_species + first] = pair;
    }
  }
}

}  // namespace

double NepModel::max_cutoff() const {
  return *std::max_element(radial.cutoff.begin(), radial.cutoff.end());
}

std::string load_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text;
  char chunk[1 << 16];
  while (stream.read(chunk, sizeof(chunk)) || stream.gcount() > 0) {
    text.append(chunk, static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.is_open() || stream.bad()) {
    throw ModelFileError(path + ": found no file that can be read, expected a NEP text file");
  }
  return text;
}

NepModel parse_nep_model(const std::string& text, const std::string& path) {
  ModelFile file(text, path);
  NepModel model;
  Header header;
  read_token(file, model, header);
  if (header.zbl) read_zbl_record(file, model, header);
  read_cutoff(file, model);
  read_sizes(file, model);
  read_l_max(file, model);
  read_neurons(file, model);
  const std::size_t n_header_lines = file.line();
  const std::vector<double> numbers = read_numbers(file);
  const Layout layout = find_layout(file, model, n_header_lines, numbers.size());

  Cursor cursor(numbers);
  take_networks(model, layout, cursor);
  const std::int64_t n_pairs = std::int64_t{model.n_species()} * model.n_species();
  for (Expansion* part : {&model.radial, &model.angular}) {
    part->coefficients = cursor.take(n_pairs * part->n_functions * part->n_basis);
  }
  model.q_scaler = cursor.take(model.n_descriptor());
  if (header.zbl) take_zbl(file, header, model, cursor);
  return model;
}

}  // namespace nepforge
