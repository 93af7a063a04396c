"""What gdb prints of channels: print tx, print rx, print *chan_sender_channel(tx).

make install puts it where gdb loads it with the library; from the build folder it is
loaded by `source src/libchan-gdb.py'.  It reads memory and calls nothing, so it serves
core files too.  It needs the library's debug information.

tests/check-gdb.sh holds it to what the flavors keep: a flavor that changes its fields
changes its function here.
"""
import gdb

UNBOUNDED = (1 << (8 * gdb.lookup_type('long').sizeof)) - 1  # CHAN_UNBOUNDED, of a size_t
MASK64 = (1 << 64) - 1
FULL = 64  # waiters that are listed


def number(value):
    """The integer in a plain or atomic word (base/atomic.h)."""
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value['v']
    return int(value.cast(gdb.lookup_type('unsigned long long')))


def signed(n):
    n &= MASK64
    return n - (1 << 64) if n >> 63 else n


def struct_in(block, name):
    """A structure as this source file knows it; another may have one of the same name,
    and gdb.lookup_type does not ask which."""
    return gdb.lookup_symbol(name, block, gdb.SYMBOL_STRUCT_DOMAIN)[0].type


def as_library(pointer, name):
    """What is there, as a structure that all of the library knows."""
    block = gdb.lookup_global_symbol('chan_send').symtab.static_block()
    return pointer.cast(struct_in(block, name).pointer()).dereference()


def as_flavor(pointer, chan, name):
    """What is there, as a structure of the flavor's own."""
    block = gdb.block_for_pc(int(chan['flavor'].dereference()['destroy']))
    return pointer.cast(struct_in(block, name).pointer()).dereference()


def chain(node):
    while int(node) != 0:
        yield node
        node = node['next']


# ------------------------------------------------------------------- who waits

def stacks():
    """(stack pointer, thread), highest first."""
    selected = gdb.selected_thread()
    found = []
    try:
        frame = gdb.selected_frame()
    except gdb.error:
        frame = None
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        found.append((int(gdb.newest_frame().read_register('sp')), thread.num))
    if selected:
        selected.switch()
    if frame and frame.is_valid():
        frame.select()
    return sorted(found, reverse=True)


def waiter_name(node, threads):
    waiter = node['waiter']
    if int(waiter['parker']['kind'].dereference()['defer']) != 0:
        return 'a callback'
    for pointer, thread in threads:
        if pointer <= int(waiter):
            return 'thread %d' % thread
    return 'a thread'


def names(lists):
    nodes = [n for l in lists for first in ('first', 'observers') for n in chain(l[first])][:FULL]
    threads = stacks() if nodes else []
    return '{%s}' % ', '.join(waiter_name(n, threads) for n in nodes)


# --------------------------------------------------------------------- flavors

def closed_bit_or_word(flavor, bit=1):
    if flavor['single_producer']:
        return number(flavor['closing']) != 0
    return number(flavor['tail']) & bit != 0


class Array:
    def __init__(self, chan):
        self.a = as_flavor(chan, chan, 'array')
        self.closed = closed_bit_or_word(self.a)

    def length(self, chan):
        mask = number(self.a['index_mask'])
        tail, head = number(self.a['tail']) & ~3, number(self.a['head'])
        laps = signed((tail & ~mask) - (head & ~mask)) // number(self.a['lap'])
        used = laps * number(chan['capacity']) + ((tail & mask) - (head & mask)) // 4
        return max(0, min(used, number(chan['capacity'])))


class List:
    def __init__(self, chan):
        self.l = as_flavor(chan, chan, 'list')
        self.closed = closed_bit_or_word(self.l)

    def length(self, chan):
        return max(0, signed((number(self.l['tail']) & ~1) - number(self.l['head'])) // 2)


class Oneshot:
    def __init__(self, chan):
        self.state = number(as_flavor(chan, chan, 'oneshot')['state'])
        self.closed = self.state != 0

    def length(self, chan):
        return int(self.state & 5 == 1)  # claimed, and not over


class Zero:
    def __init__(self, chan):
        self.z = as_flavor(chan, chan, 'zero')
        self.closed = number(self.z['closed']) != 0
        self.lists = [[self.z['list'][0]], [self.z['list'][1]]]

    def length(self, chan):
        return 0


class MutexCondvar:
    def __init__(self, chan):
        self.m = as_flavor(chan, chan, 'mc')
        self.closed = bool(self.m['closed'])
        self.lists = [[self.m['list'][0]], [self.m['list'][1]]]

    def length(self, chan):
        capacity = number(chan['capacity'])
        if capacity == 0:
            return 0
        if capacity == UNBOUNDED:
            q = as_flavor(chan, chan, 'mcu')
            return number(q['queued']) + number(q['batch'])
        return number(as_flavor(chan, chan, 'mcn')['len'])


class Broadcast:
    def __init__(self, chan):
        self.b = as_flavor(chan, chan, 'broadcast')
        self.closed = number(self.b['closed']) != 0 or number(self.b['subscriptions']) == 0
        self.lists = [[chan['waiting'][0]['list']], [s['waiters'] for s in self.subscriptions()]]

    def subscriptions(self):
        return chain(self.b['first'])

    def kept(self, s):
        tail, cursor, shift = number(self.b['tail']), number(s['cursor']), number(self.b['shift'])
        mask, capacity = number(self.b['index_mask']), number(self.b['base']['capacity'])
        laps = ((tail >> shift) - (cursor >> shift)) & (MASK64 >> shift)
        return min(laps * capacity + (tail & mask) - (cursor & mask), capacity)

    def length(self, chan):
        return max([self.kept(s) for s in self.subscriptions()], default=0)

    def receivers(self):
        return sum(number(s['base']['handles']) for s in self.subscriptions())


class Other:
    """Timers and tokens, which hold no messages."""
    def __init__(self, chan):
        self.closed = number(chan['closed']) != 0

    def length(self, chan):
        return None


FLAVORS = {
    'array': Array, 'list': List, 'oneshot': Oneshot, 'zero': Zero,
    'mutex_condvar': MutexCondvar, 'broadcast': Broadcast,
}


# -------------------------------------------------------------------- printers

class Channel:
    def __init__(self, what, chan, receiver=None):
        self.what = what
        self.chan = chan
        self.receiver = receiver

    def to_string(self):
        return '%s %s' % (self.what, hex(int(self.chan)))

    def children(self):
        c = self.chan
        name = c['flavor'].dereference()['name'].string()
        flavor = FLAVORS.get(name, Other)(c)
        lists = getattr(flavor, 'lists', [[c['waiting'][0]['list']], [c['waiting'][1]['list']]])
        length = flavor.length(c)
        capacity = number(c['capacity'])
        yield 'state', '"%s"' % ('disconnected' if flavor.closed else 'open')
        yield 'flavor', '"%s"' % name
        yield 'capacity', 'unbounded' if capacity == UNBOUNDED else capacity
        if length is not None:
            yield 'length', length
        if self.receiver is not None and name == 'broadcast':
            yield 'to_receive', flavor.kept(as_flavor(self.receiver, c, 'subscription'))
        yield 'message_size', number(c['msg_size'])
        yield 'senders', number(c['senders'])
        yield 'receivers', flavor.receivers() if name == 'broadcast' else number(c['receiver']['handles'])
        yield 'waiting_to_send', names(lists[0])
        yield 'waiting_to_receive', names(lists[1])


class Unknown:
    def __init__(self, text):
        self.text = text

    def to_string(self):
        return self.text


def channel(what):
    """A printer of what points to the channel itself."""
    return lambda value: Channel(what, as_library(value, 'chan').address)


def receiver(value):
    r = as_library(value, 'chan_receiver')
    return Channel('receiver of channel', r['chan'], r.address)


POINTERS = {
    'chan_sender': channel('sender of channel'),
    'chan_weak_sender': channel('weak sender of channel'),
    'chan_receiver': receiver,
    'chan': channel('channel'),
}


def lookup(value):
    """For handles, which are pointers, and for a chan_t itself."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_STRUCT and kind.tag == 'chan' and value.address is not None:
        value, kind = value.address, value.address.type
    if kind.code != gdb.TYPE_CODE_PTR or int(value) == 0:
        return None
    make = POINTERS.get(kind.target().strip_typedefs().tag)
    if not make:
        return None
    if gdb.lookup_global_symbol('chan_send') is None:
        return Unknown('%s (libchan without debug information)' % hex(int(value)))
    try:
        return make(value)
    except (gdb.error, RuntimeError) as e:
        return Unknown('%s (%s)' % (hex(int(value)), e))


lookup.__name__ = 'libchan'
objfile = gdb.current_objfile()
printers = objfile.pretty_printers if objfile else gdb.pretty_printers
printers[:] = [p for p in printers if getattr(p, '__name__', '') != 'libchan'] + [lookup]
