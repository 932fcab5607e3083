-- How a definition ties jobs, and what becomes of runs that wait when it changes. After lib/dependencies.lua.

local tie, retell, untie

do -- a script has room for 200 names: those that are used in here alone take none of it
  local retold = {} -- jobs whose parents have changed

  local function mirrored(edge)
    local mark, job, other, owner = string.match(edge, '^(.)(%S+) (%S+) (%S)')
    return (mark == '<' and '>' or '<') .. other .. ' ' .. job .. ' ' .. owner
  end

  -- The partition of an edge's other end, if that is not this one.
  local function place_in(edge) return string.match(edge, '^%S+ %S+ %S (%d+)$') end

  local function edges_at(mark, job)
    return redis.call('ZRANGEBYLEX', key.edges, '[' .. mark .. job .. ' ', '(' .. mark .. job .. '!')
  end

  -- The job whose parents an edge is about.
  local function child_of(edge)
    local mark, job, other = string.match(edge, '^(.)(%S+) (%S+)')
    return mark == '<' and job or other
  end

  local function lists_of(record)
    return record and extra(record, 'dp') or '', record and extra(record, 'th') or ''
  end

  local function forget_ties() has_edges, parents_seen = nil, {} end

  -- `other`: the same edge from its other end, if that is here too
  function outbox.put_edge(edge, other)
    if other then redis.call('ZADD', key.edges, 0, edge, 0, other) else redis.call('ZADD', key.edges, 0, edge) end
    retold[child_of(edge)] = true
    forget_ties()
  end

  function outbox.take_edge(edge, other)
    redis.call('ZREM', key.edges, edge, other or edge)
    retold[child_of(edge)] = true
    forget_ties()
  end

  -- An edge that a definition here gives (`put_edge`), or gave (`take_edge`): its other end has it too.
  local function change(how, edge)
    local place = place_in(edge)
    outbox[how](edge, not place and mirrored(edge) or nil)
    if place then outbox.put(place, (how == 'put_edge' and 'tie ' or 'cut ') .. mirrored(edge)) end
  end

  -- Tells the other end of an edge once more that it is there.
  function outbox.tell_edge(edge) outbox.put(place_in(edge), 'tie ' .. mirrored(edge)) end

  -- Unstarted runs of fire times of a job, at most 1000.
  local function unstarted_of(job)
    return redis.call('ZRANGEBYLEX', key.unstarted, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, TAKE)
  end

  -- A job with parents gets a trigger: what was written for it has them behind it.
  local function keep_written(job)
    for i, run in ipairs(unstarted_of(job)) do
      if i > MOST_PENDING then return end
      for _, parent in ipairs(parents_of(job)) do redis.call('ZADD', key.met, 0, run .. ' ' .. parent) end
    end
  end

  -- A job with parents loses its trigger: it has no runs any more that wait, but those that will be written.
  local function drop_waiting(job, record)
    for _, run in ipairs(unstarted_of(job)) do
      local found = known_of(run)
      if not found['='] and not all_met(job, record, found) then
        redis.call('ZREM', key.met, run .. ' #')
        dequeue(run, record)
        dropped[run] = true -- this step may be about to move it to another lane
      end
    end
  end

  -- A job loses its trigger: what its parents tell of the latest fire times that it had by itself, as far as they are known, gives it no
  -- second run of them.
  local function keep_own(job)
    local runs, seen = {}, {}
    local function add(run)
      if is_fire_time(run) and not seen[run] then seen[run] = true; runs[#runs + 1] = run end
    end
    for _, name in ipairs({ 'history:', 'failures:' }) do
      for _, text in ipairs(redis.call('LRANGE', arg.prefix .. name .. job, -MOST_PENDING, -1)) do add(job .. '@' .. string.match(text, '^%S+')) end
    end
    for _, run in ipairs(redis.call('ZRANGEBYLEX', key.requeued, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, TAKE)) do add(run) end
    for _, node in ipairs(holders()) do
      for _, run in ipairs(redis.call('HKEYS', arg.prefix .. 'active:' .. node)) do if job_of(run) == job then add(run) end end
    end
    for _, run in ipairs(unstarted_of(job)) do add(run) end
    table.sort(runs)
    for i = math.max(#runs - MOST_PENDING + 1, 1), #runs do redis.call('ZADD', key.met, 0, runs[i] .. ' =') end
  end

  -- The edges that a definition gives take the place of those that it gave.
  function tie(job, old, new)
    if old and is_tied() and #parents_of(job) > 0 and extra(old, 'nt') ~= extra(new, 'nt') then
      if extra(old, 'nt') then keep_written(job) else drop_waiting(job, new) end
      retold[job] = true
    end
    if old and extra(new, 'nt') and not extra(old, 'nt') then keep_own(job) end
    local depends, followed = lists_of(new)
    local wanted, stale = {}, {}
    for parent in string.gmatch(depends, '[^,]+') do wanted['<' .. job .. ' ' .. parent .. ' d' .. outbox.place_of(job, parent)] = true end
    for child in string.gmatch(followed, '[^,]+') do wanted['>' .. job .. ' ' .. child .. ' t' .. outbox.place_of(job, child)] = true end
    if is_tied() then
      for mark, owner in pairs({ ['<'] = 'd', ['>'] = 't' }) do
        for _, edge in ipairs(edges_at(mark, job)) do
          if string.match(edge, '^%S+ %S+ (%S)') == owner then
            if wanted[edge] then wanted[edge] = nil else stale[#stale + 1] = edge end
          end
        end
      end
    end
    for _, edge in ipairs(stale) do change('take_edge', edge) end
    for edge in pairs(wanted) do change('put_edge', edge) end
  end

  -- Lets go what the change was all that it waited for. What was given up stays so.
  function retell(now)
    for child in pairs(retold) do
      local record, known = parse(redis.call('HGET', key.jobs, child) or ''), {}
      if record then
        for _, member in ipairs(redis.call('ZRANGEBYLEX', key.met, '[' .. child .. '@', '(' .. child .. '@~')) do
          known[string.match(member, '^%S+')] = true
        end
        for run in pairs(known) do
          local found, members = known_of(run)
          if not found['~'] and not found['!'] and not found['='] and all_met(child, record, found) then
            let_go(child, run, record, found, members, now)
          end
        end
      end
    end
    retold = {}
  end

  -- Takes a job out of what another's definition names, which is a change of that one.
  local function unname(job, list, gone)
    local text = redis.call('HGET', key.jobs, job)
    local record = parse(text or '')
    local named, left = record and extra(record, list), {}
    if not named then return end
    for other in string.gmatch(named, '[^,]+') do if other ~= gone then left[#left + 1] = other end end
    local from, to = string.find(text, ' ' .. list .. '=' .. named, 1, true)
    local rest = #left > 0 and ' ' .. list .. '=' .. table.concat(left, ',') or ''
    text = string.sub(text, 1, from - 1) .. rest .. string.sub(text, to + 1)
    local version = int(tonumber(record.version) + 1)
    redis.call('HSET', key.jobs, job, version .. string.match(text, '^%S+(.*)$'))
    redis.call('HSET', key.state, job, version .. string.match(redis.call('HGET', key.state, job) or '0 0', '^%S+(.*)$'))
  end

  -- A job of another partition is removed. mark `<`: it was a parent of `job`, `>`: its child.
  function outbox.forget_edge(job, mark, gone, place)
    for _, owner in ipairs({ 'd', 't' }) do redis.call('ZREM', key.edges, mark .. job .. ' ' .. gone .. ' ' .. owner .. ' ' .. place) end
    unname(job, mark == '<' and 'dp' or 'th', gone)
    if mark == '<' then retold[job] = true end
    forget_ties()
  end

  -- A job that is removed takes its ties with it; what depended on it depends on the rest.
  function untie(job, now)
    if redis.call('EXISTS', key.edges, key.met) == 0 then return end
    local first, last = '[' .. job .. '@', '(' .. job .. '@~'
    repeat
      local members = redis.call('ZRANGEBYLEX', key.met, first, last, 'LIMIT', 0, TAKE)
      if #members > 0 then redis.call('ZREM', key.met, unpack(members)) end
    until #members < TAKE
    if not is_tied() then return end
    for mark, list in pairs({ ['<'] = 'th', ['>'] = 'dp' }) do
      local others, elsewhere = outbox.split(tied_to(mark, job))
      for _, other in ipairs(others) do
        unname(other, list, job)
        if mark == '>' then retold[other] = true end
      end
      outbox.put_about('gone ' .. job .. ' ' .. (mark == '>' and '<' or '>'), elsewhere)
      for _, edge in ipairs(edges_at(mark, job)) do redis.call('ZREM', key.edges, edge, mirrored(edge)) end
    end
    forget_ties()
    retell(now)
  end
end
