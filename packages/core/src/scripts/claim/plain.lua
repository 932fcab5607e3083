-- The usual request: runs that succeeded, and runs that nothing keeps from starting. It is looked through with few calls, and answered before the rest of
-- this script is even read; whatever else there is in it, nothing of it is done here, and the rest looks at all of it.

do
  local prefix, call, direct = arg.prefix, redis.call, redis.direct
  local match, find, sub, concat = string.match, string.find, string.sub, table.concat

  -- What some of a namespace's jobs and runs may be subject to. As long as there is none of it, one call says so.
  local function rules_of_runs() return { key.cancelled, key.holds, key.limited, key.progress } end
  local function rules_of_jobs() return { key.exhaustion, key.failing, key.paced, key.retention } end
  local function holds_of_jobs() return { key.blocked, key.edges, key.paused } end

  local function append(all, more) for _, name in ipairs(more) do all[#all + 1] = name end end

  local function has_any(name, fields)
    for _, value in ipairs(call('HMGET', name, unpack(fields))) do if value then return true end end
    return false
  end

  -- Whether a rule is for any of these: pauses, by their keys; runs that end; jobs of runs that end or start.
  local function is_ruled(pauses, ended, jobs)
    local names = { unpack(pauses) }
    append(names, rules_of_runs())
    if #jobs > 0 then append(names, rules_of_jobs()); append(names, holds_of_jobs()) end
    if call('EXISTS', unpack(names)) == 0 then return false end
    -- Others' rules, perhaps.
    append(pauses, { key.limited })
    if #jobs > 0 then append(pauses, holds_of_jobs()) end
    if call('EXISTS', unpack(pauses)) > 0 then return true end
    if #ended > 0 then for _, name in ipairs({ key.cancelled, key.holds, key.progress }) do if has_any(name, ended) then return true end end end
    if #jobs > 0 then for _, name in ipairs(rules_of_jobs()) do if has_any(name, jobs) then return true end end end
    return false
  end

  -- Whether this node was given limits or rates that are for one of these lanes.
  local function is_limited(lanes)
    if next(limits) == nil and next(rates) == nil then return false end
    for _, lane in ipairs(lanes) do
      for _, scope in ipairs({ 'all', 'queue:' .. lane.queue, 'task:' .. lane.task }) do
        if limits[scope] or rates[scope] then return true end
      end
    end
    return false
  end

  -- Outcomes, if all are of runs that succeeded and that this node holds; else nil.
  local function read_outcomes()
    local found, runs, seen = {}, {}, {}
    local first, count = list.completions.first, list.completions.count
    if count == 0 then return found, runs end
    for i = 1, count do
      local run, token, detail, result = match(ARGV[first + i - 1], '^(%S+) (%S+) s\n([^\n]*)\n(.*)$')
      if not run or seen[run] or (detail ~= '' and (find(detail, '"reason":', 1, true) or find(detail, '"count":', 1, true))) then return nil end
      seen[run] = true
      runs[i] = run
      found[i] = { run = run, token = token, detail = detail, result = result, job = match(run, '^([^@]+)@') }
    end
    local held = call('HMGET', key.active, unpack(runs))
    for i = 1, count do
      local item = found[i]
      local token, attempt, started, task = match(held[i] or '', '^(%S+) (%S+) (%S+) %S+ (%S+)$')
      if token ~= item.token then return nil end
      item.attempt, item.started, item.task = attempt, started, task
    end
    return found, runs
  end

  local function by_score(one, other)
    if one.score == other.score then return one.place < other.place end
    return one.score < other.score
  end

  -- The first runs of the lanes that this node serves, as many as it has free slots, each lane's own in order. `lanes`: those that have any, with the score
  -- of the first run that stays, if it has one. nil: one has runs that start by force.
  local function read_lanes()
    local lanes, picks, count = {}, {}, list.lanes.count
    if slots == 0 or count == 0 then return lanes, picks end
    if count > TAKE or slots > TAKE then return nil end
    local first = list.lanes.first
    local heads = call('ZMSCORE', key.ready, unpack(ARGV, first, first + count - 1))
    for i = 1, count do
      if heads[i] then
        if tonumber(heads[i]) < FORCED_BELOW then return nil end
        local name = ARGV[first + i - 1]
        local items = call('ZRANGE', lane_key(name), 0, slots, 'WITHSCORES')
        local queue, task = match(name, '^(.-)@(.+)$')
        lanes[#lanes + 1] = { name = name, queue = queue, task = task, items = items, taken = 0 }
      end
    end
    if #lanes == 1 then
      local lane = lanes[1]
      for i = 1, math.min(#lane.items / 2, slots) do picks[i] = { run = lane.items[2 * i - 1], lane = lane } end
    else
      for place, lane in ipairs(lanes) do
        for i = 1, #lane.items, 2 do
          picks[#picks + 1] = { run = lane.items[i], lane = lane, score = tonumber(lane.items[i + 1]), place = place * 2 * TAKE + i }
        end
      end
      table.sort(picks, by_score)
      for i = #picks, slots + 1, -1 do picks[i] = nil end
    end
    for _, pick in ipairs(picks) do pick.lane.taken = pick.lane.taken + 1 end
    return lanes, picks
  end

  -- Whether a definition asks for what is counted at each start, or looked up.
  local function has_own_rules(record)
    if record.extras == '' then return false end
    for name in string.gmatch(record.extras, ' (%w+)=') do
      if name == 'mr' or name == 'ck' or name == 'kr' or name == 'rf' or name == 'nt' then return true end
    end
    return false
  end

  local heads = {} -- what stands before a record's body -> what it says

  -- The definitions of runs that were picked, if all are there and ask for nothing that is not as usual.
  local function read_records(picks)
    local own, jobs, of = {}, {}, {}
    for _, pick in ipairs(picks) do
      local job, time = match(pick.run, '^([^@]+)@(.+)$')
      if not job then own[#own + 1] = pick.run
      elseif not find(time, '^%d+$') then return nil
      else
        pick.job, pick.time = job, tonumber(time)
        if not of[job] then of[job] = true; jobs[#jobs + 1] = job end
      end
    end
    local texts = {}
    if #own > 0 then for i, text in ipairs(call('HMGET', key.runs, unpack(own))) do texts[own[i]] = text end end
    if #jobs > 0 then for i, text in ipairs(call('HMGET', key.jobs, unpack(jobs))) do of[jobs[i]] = text end end
    for _, pick in ipairs(picks) do
      local text = texts[pick.run]
      if pick.job then text = of[pick.job] end
      local at = text and find(text, '\n', 1, true)
      if not at then return nil end
      local head = sub(text, 1, at)
      local record = heads[head]
      if not record then
        record = parse(head)
        if not record or has_own_rules(record) then return nil end
        heads[head] = record
      end
      if record.lane ~= pick.lane.name then return nil end
      pick.record, pick.body = record, sub(text, at)
    end
    return jobs
  end

  -- Whether runs of jobs may start: they are still to be, not too late, and do not overlap. `ending`: runs that end in this step.
  local function may_start(picks, jobs, ending)
    if #jobs == 0 then return true end
    local runs, asking, apart = {}, {}, {}
    for _, pick in ipairs(picks) do
      if pick.job then
        runs[#runs + 1] = pick.run
        if pick.record.grace and now - pick.time > pick.record.grace then return false end
        if pick.record.overlap ~= 'a' then
          if apart[pick.job] then return false end
          apart[pick.job] = true
          asking[#asking + 1] = pick.job
        end
      end
    end
    for _, score in ipairs(call('ZMSCORE', key.unstarted, unpack(runs))) do if not score then return false end end
    if #asking > 0 then
      for i, holder in ipairs(call('HMGET', key.running, unpack(asking))) do
        if holder and not ending[match(holder, '^%S+')] then return false end
      end
    end
    return true, runs, asking
  end

  -- Locks, of all or of none.
  local function take_locks(picks)
    if not fused then return true end
    local value, names = arg.node .. ':' .. arg.number, {}
    for i, pick in ipairs(picks) do
      local name = prefix .. 'lock:' .. pick.run .. '#1'
      if not direct('SET', name, value, 'NX', 'PX', arg.lock_ttl) then
        if #names > 0 then direct('DEL', unpack(names)) end
        return false
      end
      names[i] = name
    end
    return true
  end

  -- The entries of what has ended, and what it held goes.
  local function record_outcomes(found, runs, again)
    if #found == 0 then return end
    local at, own, locks, jobs, of_jobs = int(now), {}, {}, {}, {}
    for i, item in ipairs(found) do
      local run, job = item.run, item.job
      local head = item.started .. ' ' .. at .. ' s ' .. item.attempt .. ' ' .. item.token .. ' ' .. arg.node
      head = (job and at_of(run) or item.started) .. ' ' .. head
      tell('ended ' .. run .. ' ' .. head .. '  ')
      if job then
        keep_of_job(job, head .. ' ' .. item.detail, run, item.result, retention(nil, arg.history_max), now)
        jobs[#jobs + 1] = job
        of_jobs[#jobs] = run
      else
        keep_enqueued(item.task, head .. ' ' .. item.detail, run, item.result, false, now)
        own[#own + 1] = run
      end
      locks[i] = prefix .. 'lock:' .. run .. '#' .. item.attempt
    end
    if #own > 0 then call('HDEL', key.runs, unpack(own)) end
    if #jobs > 0 then
      local over = {}
      for i, holder in ipairs(call('HMGET', key.running, unpack(jobs))) do
        if holder and not again[jobs[i]] and match(holder, '^%S+') == of_jobs[i] then over[#over + 1] = jobs[i] end
      end
      if #over > 0 then call('HDEL', key.running, unpack(over)) end
    end
    call('HDEL', key.active, unpack(runs))
    if fused then direct('DEL', unpack(locks)) end
  end

  -- What was picked leaves its lane and is this node's. Answers a text a run: what `claim` answers of it.
  local function record_starts(lanes, picks, asking)
    if #picks == 0 then return {} end
    local at, texts, active = int(now), {}, {}
    local token = math.max(tonumber(call('GET', key.fence) or 0), now * 1000)
    call('SET', key.fence, int(token + #picks))
    for i, pick in ipairs(picks) do
      local run, task = pick.run, pick.record.task
      local own = int(token + i)
      tell('started ' .. run .. ' 1 ' .. own .. ' ' .. arg.node)
      active[2 * i - 1] = run
      active[2 * i] = own .. ' 1 ' .. at .. ' ' .. arg.number .. ' ' .. task
      texts[i] = run .. ' ' .. own .. ' 1 ' .. at .. ' 0 ' .. task .. ' ' .. pick.body
    end
    in_chunks('HSET', key.active, active, 2 * TAKE)
    for _, lane in ipairs(lanes) do
      if lane.taken > 0 then
        local gone, items = {}, lane.items
        for i = 1, lane.taken do gone[i] = items[2 * i - 1] end
        call('ZREM', lane_key(lane.name), unpack(gone))
        local stays = items[2 * lane.taken + 2]
        if stays then call('ZADD', key.ready, stays, lane.name) else call('ZREM', key.ready, lane.name) end
      end
    end
    if asking and #asking > 0 then
      local held, run_of = {}, {}
      for _, pick in ipairs(picks) do if pick.job then run_of[pick.job] = pick.run end end
      for i, job in ipairs(asking) do held[2 * i - 1] = job; held[2 * i] = run_of[job] .. ' ' .. at end
      call('HSET', key.running, unpack(held))
    end
    return texts
  end

  -- The whole answer, or nil: the rest of the script is to look at it.
  local function answer_plainly()
    if number == last_number then return nil end
    local waits = next_waiting()
    if waits and waits <= now then
      make_due_ready()
      flush_lanes()
      waits = next_waiting()
      if #orphans > 0 or (waits and waits <= now) then return nil end
    end
    local found, ended = read_outcomes()
    if not found then return nil end
    local lanes, picks = read_lanes()
    if not lanes then return nil end
    local jobs = read_records(picks)
    if not jobs or is_limited(lanes) then return nil end

    local pauses, ending, all_jobs = {}, {}, { unpack(jobs) }
    for _, item in ipairs(found) do
      ending[item.run] = true
      if item.job then all_jobs[#all_jobs + 1] = item.job end
    end
    if #lanes > 0 then
      local pause = prefix .. 'pause:'
      pauses = { pause .. 'all', pause .. 'node:' .. arg.node }
      for _, lane in ipairs(lanes) do append(pauses, { pause .. 'queue:' .. lane.queue, pause .. 'task:' .. lane.task }) end
      for _, job in ipairs(jobs) do pauses[#pauses + 1] = pause .. 'job:' .. job end
      for _, record in pairs(heads) do
        for tag in string.gmatch(extra(record, 'tg') or '', '[^,]+') do pauses[#pauses + 1] = pause .. 'tag:' .. tag end
      end
    end
    if is_ruled(pauses, ended, all_jobs) then return nil end
    if call('EXISTS', key.attempts) == 1 then
      local all = { unpack(ended) }
      for _, pick in ipairs(picks) do all[#all + 1] = pick.run end
      if #all > 0 then for _, text in ipairs(call('HMGET', key.attempts, unpack(all))) do if text then return nil end end end
    end
    local may, unstarted, asking = may_start(picks, jobs, ending)
    if not may or not take_locks(picks) then return nil end

    local again = {}
    for _, job in ipairs(asking or {}) do again[job] = true end
    record_outcomes(found, ended, again)
    if unstarted then call('ZREM', key.unstarted, unpack(unstarted)) end
    local texts = record_starts(lanes, picks, asking)
    local answer = string.rep('1', #found)
    call('HSET', key.request, 'number', arg.number, 'accepted', answer)
    flush_events(now)
    return { int(now), answer, waits and int(waits) or '', texts, {}, 0 }
  end

  local answer = answer_plainly()
  if answer then return answer end
end
