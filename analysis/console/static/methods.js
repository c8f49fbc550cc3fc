// What people call the methods that the server names.

const TITLES = {
  hirescam: "HiResCAM",
  "all-layers": "All layers",
  gradcam: "Grad-CAM",
  community: "Community's recipe",
  occlusion: "Covering places",
};

export const methodTitle = (name) => TITLES[name] ?? name;

/** How the scale of a method is written: the community's recipe has none of its own. */
export const scaleText = (name, scale) => (name === "community" ? "each frame's own" : `\u00b1${scale.toPrecision(2)}`);
