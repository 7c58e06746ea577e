"""Templates: what is read, what is found in them, and what is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from spicebuf.errors import InputError, NetlistError
from spicebuf.netlist import bundled_names, bundled_path, read_template

Write = Callable[[str, str], Path]

DEVICE = ".model nch nmos level=1\nmn out in vss vss nch w={wn} l=1u\nrl vdd out 1k\n"


def template(body: str = DEVICE, head: str = "", tail: str = "") -> str:
    return (
        f"* test\n*@theta wn loguniform(1u, 10u) width [m]\n{head}"
        f".subckt cell in out vdd vss params: wn=2u\n{body}.ends\n{tail}"
    )


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_templates_say_all_that_they_should(name: str) -> None:
    """Each has a drawing or description, a source, and units for every θ."""
    text = bundled_path(name).read_text()
    assert "* Source:" in text
    assert text.count("\n* ") > 5
    read = read_template(bundled_path(name))
    assert read.name == name
    assert read.thetas
    for spec in read.thetas.values():
        assert spec.description.endswith(("[m]", "[V]", "[ohm]"))
        low, high = spec.prior.support
        assert low <= spec.nominal <= high


def test_threshold_cell_has_the_widths_of_its_specification() -> None:
    thetas = read_template(bundled_path("threshold_cell")).thetas
    assert list(thetas) == "wpa wna wpb wnb na nc ni pa pc pi".split()
    assert {spec.prior.support for spec in thetas.values()} == {(0.1e-6, 100e-6)}


def test_only_the_schmitt_buffer_has_feedback() -> None:
    found = {name for name in bundled_names() if read_template(bundled_path(name)).feedback}
    assert found == {"cmos_schmitt_buffer"}


@pytest.mark.parametrize(
    ("body", "feedback"),
    [
        # A latch: two inverters in a ring, driven through a resistor.
        ("r1 in a 1k\nma out a vss vss nch\nmb a out vss vss nch\nr2 vdd out 1k\n", True),
        ("ma a in vss vss nch\nr1 vdd a 1k\nmb out a vss vss nch\nr2 vdd out 1k\n", False),
        ("e1 out 0 in out 10\n", True),
        ("e1 out 0 in 0 10\n", False),
        ("b1 out 0 v=v(in)*2\n", False),
        ("b1 out 0 v=v(in)-v(out)\n", True),
        ("vs in x 0\nf1 out 0 vs 2\nr1 x 0 1k\nr2 out 0 1k\n", False),
        ("q1 out in 0 npn1\nr2 vdd out 1k\n.model npn1 npn\n", False),
        # A junction conducts: what looks like a control can drive.
        ("q1 out b 0 npn1\nr1 in b 1k\nr2 vdd out 1k\n.model npn1 npn\n", True),
        ("j1 vdd g out jn\nr1 in g 1k\nr2 out 0 1k\n.model jn njf\n", True),
        ("vs out y 0\nf1 out 0 vs 2\nr1 in y 1k\n", True),
        ("vs out y 0\nh1 z 0 vs 2\nr1 in y 1k\nr2 z y 1k\n", True),
        ("vs x y 0\nb1 out 0 v=i(vs)\nr1 in y 1k\nr2 x out 1k\n", True),
        ("m1 out in vss b nch\nm2 vdd out b vss nch\nr1 vdd out 1k\nr2 b 0 1k\n", True),
        ("x1 in out inv2\n.subckt inv2 a y\nm1 y a 0 0 nch\nr1 y a 1k\n.ends\n", False),
        ("x1 in out inv2\n.subckt inv2 a y\nm1 y a 0 0 nch\nm2 y y a a nch\n.ends\n", True),
    ],
)
def test_feedback_is_a_cycle_of_groups(write: Write, body: str, feedback: bool) -> None:
    text = template(f".model nch nmos level=1\nmt in in vss vss nch w={{wn}}\n{body}")
    assert read_template(write("cell.cir", text)).feedback is feedback


def test_sizes_are_known(write: Write) -> None:
    body = (
        ".model nch nmos level=1 vto={vt}\nmn out in vss vss nch w='2*wn' l=1u m={k}\n"
        "rl vdd out {r*2}\nb1 out x v={free}\n"
    )
    text = template(body).replace("wn=2u", "wn=2u vt=0.8 k=1 r=1k free=3")
    head = "".join(f"*@theta {name} uniform(0.5, 2k) x [m]\n" for name in ("vt", "k", "r", "free"))
    assert read_template(write("cell.cir", head + text)).sizes == {"wn", "k", "r"}


def test_a_size_that_could_be_negative_is_refused(write: Write) -> None:
    text = template().replace("loguniform(1u, 10u)", "uniform(-1u, 10u)")
    with pytest.raises(InputError, match="must be > 0"):
        read_template(write("cell.cir", text))


def test_comments_and_continuations_never_reach_ngspice(write: Write) -> None:
    body = (
        "* note\nmn out in ; drain gate\n* between\n+ vss vss nch $ model\n+ w={wn} l=1u // end\n"
    )
    text = template(body + ".MODEL nch NMOS level=1\n")
    cards = read_template(write("cell.cir", text)).definitions
    assert "mn out in vss vss nch w={wn} l=1u" in cards
    assert not any(mark in card for card in cards for mark in "*$;/")


def test_the_component_is_named_like_the_file(write: Write) -> None:
    text = template(tail=".subckt other in out\nr1 in out 1\n.ends\n")
    assert read_template(write("cell.cir", text)).name == "cell"
    with pytest.raises(NetlistError, match="which of the subcircuits cell, other"):
        read_template(write("neither.cir", text))


def test_windows_line_ends_and_byte_order_mark(write: Write) -> None:
    text = "\ufeff" + template().replace("\n", "\r\n")
    assert read_template(write("cell.cir", text)).name == "cell"


def test_includes_and_library_sections(write: Write) -> None:
    write("lib/Models.inc", ".include 'deep/nch.inc'\n")
    write("lib/deep/nch.inc", ".lib '../../../x' y\n")
    with pytest.raises(NetlistError, match="upward path"):
        read_template(write("cell.cir", template(head=".include lib/Models.inc\n")))
    write("lib/deep/nch.inc", "* up, but not out of the folder\n.include ../nch.inc\n")
    write("lib/nch.inc", ".model nch nmos level=1\n")
    write("lib/corners.lib", ".lib fast\n.param k=2\n.endl\n.lib slow\n.param k=1\n.endl slow\n")
    head = ".INCLUDE \"lib/Models.inc\"\n.LIB 'lib/corners.lib' SLOW\n"
    body = "mn out in vss vss nch w={wn*k} l=1u\nrl vdd out 1k\n"
    read = read_template(write("cell.cir", template(body, head)))
    assert [path.name for path in read.files] == [
        "cell.cir", "Models.inc", "nch.inc", "nch.inc", "corners.lib",
    ]  # fmt: skip
    cards = read.definitions
    assert cards[:2] == (".model nch nmos level=1", ".param k=1")


def test_the_digest_covers_includes_but_not_comments(write: Write) -> None:
    write("m.inc", ".model nch nmos level=1\n")
    body = "mn out in vss vss nch w={wn} l=1u\n"
    path = write("cell.cir", template(body, ".include m.inc\n"))
    first = read_template(path).digest
    write("m.inc", "* a word\n.model nch nmos level=1\n")
    assert read_template(path).digest == first
    write("m.inc", ".model nch nmos level=1 kp=1\n")
    assert read_template(path).digest != first


REFUSED = {
    "control": (
        ".control\nshell touch {evil}\n.endc\n",
        r"cell\.cir:4.*'\.control' is not allowed",
    ),
    "indented control": ("   .CoNtRoL\nquit\n.endc\n", "not allowed"),
    "star hash": ("*# shell touch x\n", r"cell\.cir:4.*command"),
    "ng_script": ("*ng_script\n", "command"),
    "vertical tab": ("* note\v.control\n", r"U\+000B"),
    "form feed": ("* note\f.control\n", r"U\+000C"),
    "file separator": ("* note\x1c.control\n", r"U\+001C"),
    "next line": ("* note\x85.control\n", r"U\+0085"),
    "line separator": ("* note\u2028.control\n", r"U\+2028"),
    "carriage return": ("* note\r.control\n", r"U\+000D"),
    "NUL": ("r1 in out 1\x00\n", r"U\+0000"),
    "back quote": ("r1 in out {`touch x`}\n", "is not allowed in a card"),
    "variable": ("r1 in out $HOME\n", "is not allowed in a card"),
    "at sign": ("r1 in out {@m1[id]}\n", "is not allowed in a card"),
    "time": ("v1 out 0 sin(0,1,1k)\n", "DC value"),
    "pulse": ("i1 out 0 pulse(1,5)\n", "DC value"),
    "external": ("i1 out 0 external(x)\n", "DC value"),
    "nodes in parentheses": ("r1 (in out) 1k\n", "no plain name"),
    "nodes with commas": ("r1 in,out 1k\n", "no plain name|needs 2 nodes"),
    "ports in parentheses": ("x1 (in out) s\n.subckt s a b\n.ends\n", "no plain name"),
    "controls in parentheses": ("e1 out 0 (in,0) 3\n", "no plain name"),
    "model name": (".model foo,numd d\n", "no plain name"),
    "model name with sign": (".model foo=sw nmos\n", "no plain name"),
    "quoted node": ('m1 out "n" 0 0 nch\n', "without parentheses, commas or quotes"),
    "node named temper": ("r1 temper 0 1k\n", "no plain name"),
    "probe of a resistor": ("r9 in 0 1k\nb1 out 0 v=i(r9)\n", "'r9' cannot be sensed"),
    "probe in a function": (".func f(x) {v(out)*x}\n", "belong into the B source"),
    "bare function": (".func\n", "write .func name"),
    "bare include": (".include\n", "write .include"),
    "long include": (f".include {'x' * 5000}\n", "does not exist"),
    "deep nesting": ("".join(f".subckt s{k} a\n" for k in range(1500)), "nested deeper"),
    "code model": ("a1 in out m\n.model m filesource(file=/etc/passwd)\n", "device 'a1'"),
    "code model card": (".model m filesource(file=/etc/passwd)\n", "model type 'filesource'"),
    "switch": ("s1 in out in 0 sw\n", "device 's1'"),
    "save": (".save all\n", "'.save' is not allowed"),
    "option": (".options reltol=1\n", "not allowed"),
    "codemodel": ("codemodel evil.so\n", "subckt|nodes|not defined|needs"),
    "pre_osdi": ("pre_osdi evil.osdi\n", "device 'pre_osdi'"),
    "sources": ("v1 out 0 pwl(0 0 1 1)\n", "DC value"),
    "file source": ("v1 out 0 dc 0 external\n", "DC value"),
    "table": ("e1 out 0 table {v(in)} = (0,0)\n", "B source"),
    "absolute include": (".include /etc/passwd\n", "absolute or upward"),
    "upward include": (".include ../x.inc\n", "absolute or upward"),
    "home include": (".include ~/x.inc\n", "absolute or upward"),
    "missing include": (".include none.inc\n", "does not exist"),
    "folder include": (".include .\n", "does not exist"),
    "undefined model": ("m9 out in 0 0 nosuch\n", r"cell\.cir:4.*model 'nosuch' of 'm9'"),
    "undefined subcircuit": ("x1 in out nosuch\n", "subcircuit 'nosuch'"),
    "undeclared parameter": ("r1 in out {wq}\n", "parameter 'wq' is not declared"),
    "undeclared bare parameter": ("m1 out in 0 0 nch w=wq\n.model nch nmos\n", "'wq'"),
    "too few nodes": ("m1 out in\n", "needs 4 nodes"),
    "ends": (".ends\n.ends\n", r"\.ends without"),
    "twice": (".subckt s a\n.ends\n.subckt s a\n.ends\n", "defined twice"),
    "itself": ("x1 in out vdd vss cell\n", "contains itself"),
    "wrong ports": ("x1 in s\n.subckt s a b\nr1 a b 1\n.ends\n", "has 1 nodes.*2 ports"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_cards_name_file_line_and_reason(write: Write, tmp_path: Path, case: str) -> None:
    body, message = REFUSED[case]
    path = write("cell.cir", template(body.replace("{evil}", str(tmp_path / "evil"))))
    with pytest.raises(NetlistError, match=message):
        read_template(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (" in out", " out", "no port 'in'"),
        (" in out", " in y", "no port 'out'"),
        (" vss params", " vss pd params", "port 'pd'"),
        ("theta wn", "theta wm", "θ 'wm' is not a parameter of subcircuit 'cell'"),
        ("wn=2u", "wn={1+1}", "must be a number"),
        ("w={wn}", "w=2u", "θ 'wn' is not used"),
        ("wn=2u", "wn=-2u", "outside its prior"),
        ("wn=2u", "wn=20u", "outside its prior"),
        ("*@theta wn", "*@thata wn", "cannot read"),
        ("loguniform(1u, 10u)", "loguniform(10u, 1u)", "low = 1e-05 must be less"),
        ("loguniform(1u, 10u)", "lognormal(10u, 1u)", "not a prior"),
        (".ends\n", "", "has no .ends"),
        ("* test\n", "* test\nr1 a b 1\n", "outside any .subckt"),
        ("* test\n", "* test\n+ 1\n", "continuation"),
        ("*@theta wn", "*@theta wn uniform(1, 2)\n*@theta wn", "two \\*@theta lines"),
    ],
)
def test_bad_headers(write: Write, old: str, new: str, message: str) -> None:
    with pytest.raises(NetlistError, match=message):
        read_template(write("cell.cir", template().replace(old, new)))


def test_a_link_out_of_the_folder_is_refused(write: Write, tmp_path: Path) -> None:
    write("outside.inc", ".param k=1\n")
    path = write("inside/cell.cir", template(head=".include link.inc\n"))
    (tmp_path / "inside" / "link.inc").symlink_to(tmp_path / "outside.inc")
    with pytest.raises(NetlistError, match="link elsewhere"):
        read_template(path)


def test_an_include_loop_ends(write: Write) -> None:
    write("a.inc", ".include a.inc\n")
    with pytest.raises(NetlistError, match="loop"):
        read_template(write("cell.cir", template(head=".include a.inc\n")))


@pytest.mark.parametrize(("n_levels", "last"), [(30, "r1 a b 1\n"), (60, "")])
def test_a_netlist_bomb_is_refused(write: Write, n_levels: int, last: str) -> None:
    """Thirty levels of doubling would be a billion devices; sixty of nothing would never end."""
    levels = "".join(
        f".subckt s{k} a b\nx1 a b s{k + 1}\nx2 a b s{k + 1}\n.ends\n" for k in range(n_levels)
    )
    levels += f".subckt s{n_levels} a b\n{last}.ends\n"
    with pytest.raises(NetlistError, match="more than 100000 devices"):
        read_template(write("cell.cir", template("x1 in out s0\n", head=levels)))


def test_long_cards_are_read_in_time(write: Write) -> None:
    """Neither forty thousand continuation lines nor one huge word may take quadratic time."""
    cards = ".param a=1\n" + "+ b=1\n" * 40_000 + f".param {'a' * 200_000}\n"
    assert read_template(write("cell.cir", template(head=cards))).name == "cell"


@pytest.mark.parametrize("name", ["temper", "time", "hertz", "exp", "max"])
def test_names_that_ngspice_takes_for_its_own_are_refused(write: Write, name: str) -> None:
    text = template().replace("wn", name)
    with pytest.raises(NetlistError, match="means something else in ngspice"):
        read_template(write("cell.cir", text))


def test_a_linked_template_finds_what_lies_beside_it(write: Write, tmp_path: Path) -> None:
    write("real/m.inc", ".model nch nmos level=1\n")
    body = "mn out in vss vss nch w={wn} l=1u\nrl vdd out 1k\n"
    real = write("real/cell.cir", template(body, ".include m.inc\n"))
    (tmp_path / "cell.cir").symlink_to(real)
    assert read_template(tmp_path / "cell.cir").digest == read_template(real).digest


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b""])
def test_files_that_are_no_netlists(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cell.cir"
    path.write_bytes(content)
    with pytest.raises(NetlistError, match=r"UTF-8|no \.subckt"):
        read_template(path)


def test_a_bundled_template_can_be_copied_and_edited(tmp_path: Path) -> None:
    path = tmp_path / "mine.cir"
    shutil.copyfile(bundled_path("cmos_inverter"), path)
    path.write_text(path.read_text().replace("kp=120u", "kp=100u"))
    mine, bundled = read_template(path), read_template(bundled_path("cmos_inverter"))
    assert (mine.name, list(mine.thetas)) == (bundled.name, list(bundled.thetas))
    assert mine.digest != bundled.digest


def test_an_unknown_bundled_template_lists_those_there_are() -> None:
    with pytest.raises(InputError, match="no bundled template 'nope'; there are cmos_buffer"):
        bundled_path("nope")


HOW_USED = {
    "plain": ("m1 out in vss vss nch w={wn} l=1u\n", True),
    "bare": ("m1 out in vss vss nch w=wn l=1u\n", True),
    "expression": ("m1 out in vss vss nch w={2*wn} l=1u\n", False),
    "elsewhere too": ("m1 out in vss vss nch w={wn} l=1u\nr9 out 0 {1/wn}\n", False),
    "source": ("m1 out in vss vss nch w={wn} l=1u\nb1 out 0 i={wn}\n", False),
    "multiplier": ("m1 out in vss vss nch w=1u l=1u m={wn}\n", False),
    "parameter": (".param q='wn'\nm1 out in vss vss nch w={wn} l={q}\n", False),
    "model": (".model q nmos(level=1 kp={wn})\nm1 out in vss vss q w=1u l=1u\n", True),
    "model, blanks": (".model q nmos (level=1 kp={ wn } )\nm1 out in vss vss q w=1u l=1u\n", True),
    "model, expression": (".model q nmos level=1 kp={wn*2}\nm1 out in vss vss q w=1u\n", False),
    "other parameter": (".model q nmos level=1 nsub={wn}\nm1 out in vss vss q w=1u l=1u\n", False),
    "diode's model": (".model q d is={wn}\nd1 out in q\n", False),
    "level 3": (".model q nmos level=3\nm1 out in vss vss q w={wn} l=1u\n", False),
    "bsim": (".model q nmos level=54\nm1 out in vss vss q w={wn} l=1u\n", False),
    "random": (".param z=agauss(0,1,1)\nm1 out in vss vss nch w={wn} l=1u\n", False),
    "odd name": ("m1[w]=1|x out in vss vss nch w={wn} l=1u\n", False),
    "braces": ("m{} out in vss vss nch w={wn} l=1u\n", False),
    "unused model": (
        ".model q nmos level=1 kp={wn}\nm1 out in vss vss nch w={wn} l=1u\n",
        True,
    ),
    "condition": (".if (1==1)\nm1 out in vss vss nch w={wn} l=1u\n.endif\n", False),
    "twice": ("m1 out in vss vss nch w={wn} l=1u w=3u\n", False),
    "twice by another name": (
        ".model q nmos level=1 vto={wn} vt0=0.5\nm1 out in vss vss q w=1u\n",
        False,
    ),
    "resistance twice": ("r1 in out {wn} r=500\n", False),
    "two models of a name": (
        ".model q nmos level=1 kp={wn}\n.model q nmos level=1\nm1 out in vss vss q w=1u\n",
        False,
    ),
    "odd model": (".model q|x nmos level=1 kp={wn}\nm1 out in vss vss q|x w=1u\n", False),
    "instance": (
        ".subckt inner a y g w=1u\nm1 y a g g nch w=w l=1u\n.ends\nx1 in out vss inner w={wn}\n",
        False,
    ),
}


@pytest.mark.parametrize("case", HOW_USED)
def test_only_what_stands_alone_is_altered(write: Write, case: str) -> None:
    """Anything else ngspice evaluates when it loads the circuit, and only then."""
    body, alterable = HOW_USED[case]
    netlist = template(body, head=".model nch nmos level=1\n")
    found = read_template(write("cell.cir", netlist)).alterations
    assert (found is not None) is alterable
    if found is not None:
        assert {use.theta for use in found} == {"wn"}
