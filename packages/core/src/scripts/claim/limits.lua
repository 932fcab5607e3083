-- Places, of this node's limits and of runs' own keys.

local scopes_of, full, admit_some, hold, is_limited
do
  local used = {} -- places taken, by scope, read when first asked for

  local function left_in(scope, limit)
    if not used[scope] then used[scope] = redis.call('SCARD', held_key(scope)) end
    return lending.places(scope, limit.max) - used[scope]
  end

  -- How a lane's runs are limited: nil if they are not; else its scopes.
  function scopes_of(lane)
    if not next(limits) then return nil end
    local queue, task = string.match(lane, '^(.-)@(.+)$')
    local scopes = {}
    for _, scope in ipairs({ 'all', 'queue:' .. queue, 'task:' .. task }) do
      if limits[scope] then scopes[#scopes + 1] = scope end
    end
    return #scopes > 0 and scopes or nil
  end

  -- What finds no place in a lane: w, s, or nil if there is one.
  function full(lane)
    local answer
    for _, scope in ipairs(lane.scopes or {}) do
      local limit = limits[scope]
      if left_in(scope, limit) <= 0 then
        if limit.how == 'w' or not lending.is_none(scope) then
          -- One after the other, in this order: were all asked for at once, each partition would keep some of what others need.
          lending.want(scope, limit, lending.TURN, lane.name)
          return 'w'
        end
        answer = 's'
      end
    end
    return answer
  end

  -- The limit of a run's own key: its scope and its limit, or nil.
  local function key_limit(record)
    local name = extra(record, 'ck')
    if not name then return nil end
    return 'key:' .. name, { name = name, max = tonumber(extra(record, 'cl') or 1) or 1, how = extra(record, 'cw') or 'w' }
  end

  -- Lets runs go on that wait for a key with places left, of a few keys picked at random: one that was let go on may not have taken
  -- its place after all (it was cancelled, or its misfire grace was over), or a limit may have been raised.
  function admit_some()
    if redis.call('EXISTS', key.limited) == 0 then return end
    local some, runs = redis.call('HRANDFIELD', key.limited, 10, 'WITHVALUES'), {}
    for i = 1, #some, 2 do runs[#runs + 1] = some[i] end
    local records = records_of(runs)
    for i, run in ipairs(runs) do
      local name, record = some[2 * i], records[run]
      local _, limit
      if record and extra(record, 'ck') == name then _, limit = key_limit(record) end
      local left = limit and left_in('key:' .. name, limit) or 10
      if left <= 0 then lending.want('key:' .. name, limit, lending.TURN) end
      -- What is to be skipped is looked at again by whoever claims.
      for _ = 1, (left <= 0 and limit.how == 's') and 10 or math.min(left, 10) do admit(name) end
    end
  end

  -- Takes a place for a run in each scope that limits it.
  function hold(run, lane, record)
    local scopes = {}
    for _, scope in ipairs(lane.scopes or {}) do
      scopes[#scopes + 1] = scope
    end
    local scope = key_limit(record)
    if scope then scopes[#scopes + 1] = scope end
    if #scopes == 0 then return end
    for _, name in ipairs(scopes) do
      redis.call('SADD', held_key(name), run)
      if used[name] then used[name] = used[name] + 1 end
      lending.use(name)
    end
    redis.call('HSET', key.holds, run, table.concat(scopes, ' '))
  end

  -- A run that finds no place and is not to wait ends so, whatever attempt it would have been.
  local function skip_limited(run, job, record, attempt, earlier)
    redis.call('HDEL', key.attempts, run)
    redis.call('ZREM', key.requeued, run)
    local detail = '{"reason":"limit"' .. (job and '' or ',"task":"' .. record.task .. '"') .. '}'
    local text = entry(at_of(run) or int(now), 0, now, 'k', attempt == 1 and 0 or attempt, 0, '-', detail)
    finish(run, record.task, text, attempt == 1 and '' or earlier, '', now)
    pass(run, 'skipped', 'limit')
  end

  -- Whether a run finds no place: it is skipped, or waits for its key.
  function is_limited(run, job, lane, score, record, attempt, earlier)
    local scope, limit = key_limit(record)
    if scope and left_in(scope, limit) <= 0 then
      if limit.how == 's' and lending.is_none(scope) then
        skip_limited(run, job, record, attempt, earlier)
        return 'skipped'
      end
      lending.want(scope, limit, lending.TURN)
      redis.call('ZADD', full_key(limit.name), int(score), run)
      redis.call('HSET', key.limited, run, limit.name)
      return 'waits'
    end
    if lane.scopes and full(lane) == 's' then
      skip_limited(run, job, record, attempt, earlier)
      return 'skipped'
    end
    return nil
  end
end
