-- Places that partitions lend to one another, of a limit's or a rate's scope (`all`, `queue:<queue>`, `task:<task>`, `key:<key>`; of rates with `rate:`
-- before it), counted by numbers that only grow (docs/partitions.md). What was told is of an older or the same state, so the larger number is right.
--
-- `lent:<scope>`, in its home: <partition> -> `<lent> <called> <settled> <when it was lent some last>`; `waits`, who waits for places, `<partition>:<since>:<asked
-- last>:<how many>:<time there>:<history there>` each; `owes`, how many the home is to let go for them; `keeps`, `<how many> <until>` that are kept for the home itself.
-- `borrowed:<scope>`, in others: `received`, `called`, `returned`; `fresh`, until when places that were not used yet are not taken back; `counted`, when
-- its home counted anew.
-- Both: `max` and `history` under which these numbers hold; `asked`, when somebody last went for places; `none`, until when it is true that there are none anywhere.
local lending = { TURN = 100, EVEN = 600000 } -- ms that a place is for its borrower at least; for which numbers are kept that are even

do
  local history
  -- By what this server's writes are known: another one after a failover or a restart, which may have lost some.
  function lending.history()
    history = history or string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or '-'
    return history
  end

  -- Whether what was lent of a scope may have been forgotten as a whole: not long ago another history began, and of the scope nothing is known under it.
  -- `lending`: `<history> <since>`, 0 for the first one.
  function lending.may_be_forgotten(now)
    local known, since = string.match(redis.call('GET', key.lending) or '', '^(%S+) (%d+)$')
    if known ~= lending.history() then
      since = known and int(now) or '0'
      redis.call('SET', key.lending, lending.history() .. ' ' .. since)
    end
    return tonumber(since) > now - 3600000
  end
end

function lending.read(name)
  local items, fields = redis.call('HGETALL', name), {}
  for i = 1, #items, 2 do fields[items[i]] = items[i + 1] end
  return fields
end

-- Writes fields, in turn with their values. Where nothing is lent they are forgotten some time after the last transfer.
function lending.write(name, items, is_even)
  redis.call('HSET', name, unpack(items))
  if is_even then redis.call('PEXPIRE', name, lending.EVEN) else redis.call('PERSIST', name) end
end

-- How many places of a scope are in use in this partition: of a rate, by starts within the last `per` ms.
function lending.used(scope, per, now)
  if string.sub(scope, 1, 5) ~= 'rate:' then return redis.call('SCARD', arg.prefix .. 'held:' .. scope) end
  local name = arg.prefix .. scope
  local first, last = 0, redis.call('LLEN', name)
  while first < last do
    local middle = math.floor((first + last) / 2)
    if tonumber(redis.call('LINDEX', name, middle)) > now - per then first = middle + 1 else last = middle end
  end
  return first
end

-- What a borrower tells of its numbers, with its own time and history, and whether they may be older than they were.
function lending.report(fields, now)
  local is_old = fields.history and fields.history ~= lending.history()
  return table.concat({ fields.received or '0', fields.called or '0', fields.returned or '0', int(now), lending.history(), is_old and 1 or 0 }, ' ')
end

-- A borrower gives back places that are not in use: those that it was called for, and `need` others.
function lending.give_back(fields, used, need)
  local received, called, returned = tonumber(fields.received), tonumber(fields.called), tonumber(fields.returned)
  local unused = math.max(received - returned - used, 0)
  local owed = math.min(unused, math.max(called - returned, 0))
  local count = owed + math.min(unused - owed, need)
  fields.returned = int(returned + count)
  fields.called = int(math.max(called, returned + count))
  return count
end
