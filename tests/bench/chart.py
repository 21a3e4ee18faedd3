"""The lines with a target as an SVG of bars: how far each is from its target. Plain text, no script; its colours follow the
reader's light or dark."""

from xml.sax.saxutils import escape

ROW, TOP, LEFT, WIDTH, RIGHT = 22, 46, 330, 460, 190
MOST = 3.0  # a bar that is longer ends there, with an arrow
STYLE = """
 text { font: 12px system-ui, sans-serif; fill: #1f2328 }
 .title { font-size: 15px; font-weight: 600 } .dim { fill: #59636e }
 .met { fill: #1a7f37 } .missed { fill: #cf222e } .axis { stroke: #59636e } .target { stroke: #1f2328; stroke-width: 2 }
 @media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .dim { fill: #9198a1 } .met { fill: #3fb950 } .missed { fill: #f85149 }
  .axis { stroke: #9198a1 } .target { stroke: #e6edf3 }
 }
"""


def reach(line):
    """1 is the target; more is better, whichever way the figure counts."""
    ratio, target = line["ratio"], line["target"]
    if line["higher_is_better"]:
        return ratio / target
    return target / ratio if ratio > 0 else MOST


def svg(lines, title):
    lines = [line for line in lines if line["target"] is not None]
    height, unit = TOP + ROW * len(lines) + 30, WIDTH / MOST
    x_of = lambda value: LEFT + unit * min(value, MOST)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" role="img">',
           f"<title>{escape(title)}</title><style>{STYLE}</style>",
           f'<text class="title" x="10" y="20">{escape(title)}</text>',
           '<text class="dim" x="10" y="38">Bars: the ratio to the peer, as a part of its target. Longer is better.</text>']
    bottom = TOP + ROW * len(lines)
    for mark in (0.5, 1.5, 2.0, 2.5):
        out.append(f'<line class="axis" x1="{x_of(mark):.1f}" x2="{x_of(mark):.1f}" y1="{bottom}" y2="{bottom + 4}"/>'
                   f'<text class="dim" x="{x_of(mark):.1f}" y="{bottom + 18}" text-anchor="middle">{mark:g}</text>')
    for row, line in enumerate(lines):
        y, value = TOP + ROW * row, reach(line)
        sign = "≥" if line["higher_is_better"] else "≤"
        label = f"{line['ratio']:.2f} ({sign} {line['target']:g})" + (" →" if value > MOST else "")
        out.append(f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(line["name"])} / {escape(line["peer"])}</text>'
                   f'<rect class="{"met" if line["met"] else "missed"}" x="{LEFT}" y="{y + 3}" height="{ROW - 7}" '
                   f'width="{max(x_of(value) - LEFT, 1):.1f}"/>'
                   f'<text x="{x_of(max(value, 1.0)) + 6:.1f}" y="{y + 15}">{escape(label)}</text>')
    out.append(f'<line class="target" x1="{x_of(1):.1f}" x2="{x_of(1):.1f}" y1="{TOP}" y2="{bottom + 4}"/>'
               f'<text x="{x_of(1):.1f}" y="{bottom + 18}" text-anchor="middle">target</text></svg>')
    return "\n".join(out) + "\n"
