# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``pot CMD -h`` prints: recorded for the commands whose usage callers meet most, in our own words for the
others.
"""

from __future__ import annotations

USAGE = {
    "": """Usage: pot command [options]

Commands:
    help    -- Show help
    version -- Show version of the pot command
    config  -- Show pot framework configuration
    ls/list -- List of the installed pots
    show    -- Show information on pots
    info    -- Print minimal information on a pot
    top     -- Run top(1) inside the pot
    ps      -- Show running pots
    init    -- Initialize the ZFS layout
    de-init -- Remove pot from your system
    vnet-start -- Start vnet configuration
    create-base -- Create a new base image
    create-fscomp -- Create a new fs component
    create-private-bridge -- Create a new private bridge
    create -- Create a new pot (jail)
    clone -- Clone a pot, creating a new one
    clone-fscomp -- Clone an fscomp
    rename -- Rename a pot
    destroy -- Destroy a pot
    prune   -- Destroy non-running, prunable pots
    copy-in -- Copy a file or a directory into a pot
    copy-out -- Copy a file or a directory out of a pot
    mount-in -- Mount directory, ZFS dataset, or fscomp into a pot
    mount-out -- Unmount directory, ZFS dataset, or fscomp from a pot
    add-dep -- Add a dependency
    set-rss -- Set a resource constraint
    get-rss -- Get the current resource usage
    set-cmd -- Set the command to start the pot
    set-env -- Set environment variables inside a pot
    set-hosts -- Set /etc/hosts entries inside a pot
    set-hook -- Set hook scripts for a pot
    set-attribute/set-attr -- Set an attribute on a pot
    get-attribute/set-attr -- Get an attribute from a pot
    export-ports -- Allows exposing tcp and udp ports
    start -- Start a pot (jail)
    stop -- Stop a pot (jail)
    term -- Open terminal inside of a pot
    run -- Same as term, but start pot if it is not running
    snap/snapshot -- Take a snapshot of a pot
    rollback/revert -- Restore the latest snapshot
    purge-snapshots -- Remove old/all snapshots
    export -- Export a pot to a file
    import -- Import a pot from a file or a URL
    prepare -- Import and prepare a pot, used by orchestrators
    update-config -- Update the configuration of a pot
    last-run-stats -- Get statistics about a pot's last run
    signal -- Send signal to pot
    exec -- Execute a progam inside of a pot
""",
    "config": """pot config [-hvq] [-g name]
  -h print this help
  -v verbose
  -q quiet
  -g name : get value of config item "name", one of:
     + fs_root
     + fscomp_prefix
     + gateway
     + network_stack
     + pot_prefix
     + syslogd
     + zfs_root
""",
    "create": """pot create [-hv] -p potname [-N network-type] [-i ipaddr]
           [-l lvl] [-f flavour] [-b base|-P basepot]
           [-d dns] [-t type]
  -h print this help
  -v verbose
  -k keep the pot, if create fails
  -p potname : the pot name (mandatory)
  -l lvl : pot level (only for type multi)
  -b base : the base pot
  -P pot : the pot to be used as reference
  -d dns : pot dns resolver configuration, one of
           inherit*       - inherit from jailhost (*default)
           pot            - the pot configured in POT_DNS_NAME
           custom:<file>  - copy <file> into pot configuration
           off            - leave resolver config unaltered
  -f flavour : flavour to be used
  -t type: pot file system layout, one of
           single         - the pot is based on a unique ZFS dataset
           multi*         - the pot is composed by a classical
                            collection of 3 ZFS datasets (*default)
  -N network-type: pot network layout, one of
           inherit*       - inherit the host network stack (*default)
           alias          - configure a static ip alias directly on
                            the host's NIC
           public-bridge  - use the common internal public bridge
           private-bridge - use an internal private bridge (with -B)
  -i ipaddr : IP address selection, one of
           auto*          - automatically assign address (*default),
                            only works with (public|private)-bridge
           ipaddr         - mandatory with alias,
                            also works with (public|private)-bridge
  -B bridge-name : the name of the private bridge to be used
  -S network-stack : the network stack (ipv4, ipv6 or dual)
""",
    "info": """pot info [-hvqr] [-p pname|-B bname]
  -h print this help
  -v verbose
  -q quiet
  -p pname : pot name
  -B bname : bridge name
  -r check only if the pot is running
  -E output some pot information as environment variables
  -s list the available snapshots for the pot
""",
    "set-env": """pot set-env [-hv] -p pot -E env
  -h print this help
  -v verbose
  -p pot : the working pot
  -E var=value : the variable and the value to be added
     this option can be repeated more than once
""",
    "set-attribute": """pot set-attribute [-hv] -p pot -A attr -V value
  -h print this help
  -v verbose
  -p pot : the working pot
  -A attribute : one of
     + children
     + devfs_ruleset
     + early-start-at-boot
     + enforce_statfs
     + exec_stop
     + fdescfs
     + linprocfs
     + localhost-tunnel
     + mlock
     + mount
     + no-etc-hosts
     + no-rc-script
     + no-tmpfs
     + nullfs
     + persistent
     + procfs
     + prunable
     + raw_sockets
     + start-at-boot
     + stop_timeout
     + sysvmsg
     + sysvsem
     + sysvshm
     + tmpfs
     + zfs
  -V value : the new value for "attribute"
""",
    "mount-in": """pot mount-in [-hvwr] -p pot -m mnt -f fscomp|-d dir|-z dataset
  -h print this help
  -v verbose
  -p pot : the working pot
  -f fscomp : a fs component to be mounted
  -z zfs dataset : a ZFS dataset to be mounted
  -d dir : a directory on the host to be mounted,
           absolute pathname
  -m mnt : the mount point inside of the pot
  -w : change the ZFS mount point instead of using nullfs,
       potentially DANGEROUS and only usable with -z and -f
  -r : mount-in read-only
""",
    "clone": """pot clone [-hvF] -p potname -P basepot [-i ipaddr]
  -h print this help
  -v verbose
  -k keep the pot, if clone fails
  -P potname : the pot to be cloned (template)
  -s snapshot : the snapshot to be used to clone
  -p potname : the name of the pot that is created
  -f flavour : flavour to be used
  -N network-type : new network type of the cloned pot
  -i ipaddr : an ip address or the keyword auto (if applicable)
  -B bridge-name : the name of the private bridge to be used
  -S network-stack : the network stack (ipv4, ipv6 or dual)
  -d dns : change pot dns resolver configuration, one of
           inherit       - inherit from jailhost
           pot           - the pot configured in POT_DNS_NAME
           custom:<file> - copy <file> into pot configuration
           off           - leave resolver config unaltered
  -F : automatically take snapshots of dataset that has none
""",
}
# The other subcommands, whose texts nobody recorded: how they are called, and the lines behind -h and, where they have
# it, -v.
# What the options mean is from a description of pot; the wording may differ from pot's.
POT = "-p pot : the working pot"
OTHERS = {
    "version": ("[-hvq]", "-q quiet"),
    "init": (
        "[-hvms] [-p pf_file]",
        "-m : minimal, neither pf nor syslogd is configured",
        "-s : syslogd is not configured",
        "-p pf_file : write pf rules to this file (default /etc/pf.conf)",
    ),
    "de-init": (
        "[-hvfm] [-p pf_file]",
        "-f force",
        "-m : minimal, pf is not touched",
        "-p pf_file : remove pf rules from this file (default /etc/pf.conf)",
    ),
    "vnet-start": ("[-hv] [-B bridge-name]", "-B bridge-name : the name of the private bridge to start"),
    "create-base": (
        "[-hv] -r release [-b basename]",
        "-r release : the release of FreeBSD to be fetched",
        "-b basename : optional base name, (default: release)",
    ),
    "create-fscomp": ("[-hv] -f name", "-f name : the fs component name (mandatory)"),
    "clone-fscomp": (
        "[-hv] -F fscomp -f newfscomp",
        "-F fscomp : the fs component to be cloned",
        "-f newfscomp : the name of the new fs component",
    ),
    "create-private-bridge": (
        "[-hv] -B bridge-name -S size",
        "-B bridge-name : the name of the bridge",
        "-S size : the number of hosts in the bridge",
    ),
    "list": (
        "[-hvqpbfFBa]",
        "-q quiet",
        "-p list pots (default)",
        "-b list bases instead of pots",
        "-f list fs components (not available with -b)",
        "-F list available flavours",
        "-B list available private bridges",
        "-a list everything (not compatible with -q)",
    ),
    "show": (
        "[-hvqar] [-p potname]",
        "-q quiet",
        "-a : show all pots",
        "-r : show the running pots (default)",
        "-p potname : show only this pot",
    ),
    "ps": ("[-hvq]", "-q quiet"),
    "top": ("[-h] -p potname", "-p potname : the working pot"),
    "start": (
        "[-hvsS] [-p] potname",
        "-s : take a snapshot before to start",
        "-S : take a snapshot before to start, removing the oldest",
        "-p potname : the pot to start",
    ),
    "stop": ("[-hv] [-p] potname", "-p potname : the pot to stop"),
    "term": ("[-hvf] [-p] potname", "-f : start the pot if it is not running", "-p potname : the working pot"),
    "run": ("[-hv] [-p] potname", "-p potname : the working pot"),
    "exec": (
        "[-hvdt] -p potname [-e VAR=value] [-u user|-U user] cmd",
        "-d : run the command in the background",
        "-t : allocate a terminal",
        "-p potname : the working pot",
        "-e VAR=value : set an environment variable",
        "-u user : the user of the host",
        "-U user : the user of the pot",
    ),
    "signal": (
        "[-hvflC] -p potname [-s signal] [-P pid|-m pattern]",
        "-f : always succeed",
        "-l : list the processes",
        "-C : dry run",
        "-p potname : the working pot",
        "-s signal : the signal (default INFO)",
        "-P pid : the process",
        "-m pattern : the processes that match",
    ),
    "last-run-stats": ("[-hv] -p potname", "-p potname : the working pot"),
    "destroy": (
        "[-hvFrq] -p potname|-b basename|-f fscomp|-B bridge",
        "-F : force the stop and destroy",
        "-r : destroy recursively",
        "-q quiet",
        "-p potname : the pot to be destroyed",
        "-b basename : the base to be destroyed",
        "-f fscomp : the fs component to be destroyed",
        "-B bridge : the private bridge to be destroyed",
    ),
    "rename": ("[-hv] -p potname -n newname", "-p potname : the previous pot name", "-n newname : the new pot name"),
    "prune": ("[-hvqgn]", "-q quiet", "-g : give the names only", "-n : dry run"),
    "copy-in": (
        "[-hvFc] -p pot -s source -d destination",
        "-F : force copy operation for running pots",
        "-c : create missing directories",
        POT,
        "-s source : the file or directory to be copied in",
        "-d destination : the final location inside the pot",
    ),
    "copy-out": (
        "[-hvF] -p pot -s source -d destination",
        "-F : force copy operation for running pots",
        POT,
        "-s source : the file or directory to be copied out",
        "-d destination : the final location on the host",
    ),
    "mount-out": ("[-hv] -p pot -m mnt", POT, "-m mnt : the mount point inside the pot"),
    "set-cmd": ("[-hv] -p pot -c cmd", POT, "-c cmd : the command line to start the pot"),
    "set-hosts": (
        "[-hv] -p pot [-H hostname:ip]",
        POT,
        "-H hostname:ip : the entry, it can be repeated more than once",
    ),
    "set-hook": (
        "[-hv] -p pot [-s prestart] [-S poststart] [-t prestop] [-T poststop]",
        POT,
        "-s prestart : the script run before the pot starts",
        "-S poststart : the script run after the pot has started",
        "-t prestop : the script run before the pot stops",
        "-T poststop : the script run after the pot has stopped",
    ),
    "get-attribute": ("[-hvq] -p pot -A attr", "-q quiet", POT, "-A attr : the attribute"),
    "set-rss": (
        "[-hv] -p pot [-C cpus] [-M memory]",
        POT,
        "-C cpus : the max number of CPUs",
        "-M memory : the max amount of memory (bytes or K, M, G)",
    ),
    "get-rss": ("[-hvJ] -p pot", POT, "-J : output in JSON"),
    "export-ports": (
        "[-hv] -p pot -e [proto:]port[:pot_port]",
        POT,
        "-e port : the port to be exported, it can be repeated more than once",
    ),
    "add-dep": ("[-hv] -p pot -P depPot", POT, "-P depPot : the pot it depends on"),
    "snapshot": (
        "[-hvr] -p potname|-f fscomp",
        "-p potname : the working pot",
        "-f fscomp : the working fs component",
        "-r : replace the oldest snapshot",
    ),
    "revert": ("[-hv] -p potname|-f fscomp", "-p potname : the working pot", "-f fscomp : the working fs component"),
    "purge-snapshots": (
        "[-hva] -p potname|-f fscomp",
        "-p potname : the working pot",
        "-f fscomp : the working fs component",
        "-a : all snapshots, the last one as well",
    ),
    "export": (
        "[-hvcFA] -p pot [-t tag] [-D directory] [-l compression-level] [-S seckey]",
        POT,
        "-t tag : the tag of the image (default: the snapshot)",
        "-D directory : where to store the image (default: the current one)",
        "-l compression-level : from 0 to 9 (default 6)",
        "-c : check that the tag is newer than the last one",
        "-F : force the export with several snapshots",
        "-A : take or purge snapshots automatically",
        '-S seckey : sign the image using signify secret key "seckey"',
    ),
    "import": (
        "[-hv] -p pot -t tag -U URL [-C pubkey]",
        POT,
        "-t tag : the tag of the pot",
        "-U URL : the base URL where to find the image file",
        '-C pubkey : verify pot using signify public key "pubkey"',
    ),
    "prepare": (
        "[-hvs] -p pot -U URL -t tag -a aID [-n potname] [-c cmd] [-e port]",
        "-p pot : the image",
        "-U URL : the base URL where to find the image file",
        "-t tag : the tag of the pot",
        "-a aID : the allocation ID",
        "-n potname : the new potname",
        "-c cmd : the command line to start the pot",
        "-e port : the port to be exported, it can be repeated more than once",
        "-N network-type : the network type, host is inherit",
        "-i ipaddr : an ip address",
        "-B bridge-name : the name of the private bridge to be used",
        "-S network-stack : the network stack (ipv4, ipv6 or dual)",
        "-d dns : the pot dns resolver configuration",
        "-s : start the pot",
        '-C pubkey : verify pot using signify public key "pubkey"',
    ),
    "update-config": ("[-hva] [-p pot]", POT, "-a : all pots"),
    "set-status": ("[-hv] -p pot -s status", POT, "-s status : the new status"),
}


def of(command: str) -> str:
    """The usage text of a subcommand, '' being pot itself."""
    if command in USAGE:
        return USAGE[command]
    call, *lines = OTHERS.get(command, ("[-h]",))
    if command in OTHERS:
        lines = ["-h print this help", *(["-v verbose"] if command != "top" else []), *lines]
    return "".join(
        line + "\n" for line in (f"pot {command} {call}", *(f"  {line}" for line in lines or ["-h print this help"]))
    )
